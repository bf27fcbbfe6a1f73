"""The doctor as a program, in environments that are healthy, and broken for real."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from egpo_verl.doctor.sample import TINY_MODEL

BLOCK = """
import sys
HERE = {where}
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r} and HERE:
            raise ImportError("libsomething.so: cannot open shared object file")
sys.meta_path.insert(0, Blocked())
"""
IN_RAY_WORKER = "'default_worker.py' in open('/proc/self/cmdline').read()"


def doctor(*arguments: str, **environment: str) -> tuple[int, str]:
    ran = subprocess.run(
        [sys.executable, "-m", "egpo_verl.doctor", *arguments],
        env={**os.environ, "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert "Traceback" not in ran.stdout + ran.stderr
    return ran.returncode, ran.stdout


def without(folder: Path, module: str, where: str = "True") -> str:
    """A folder for PYTHONPATH in whose processes a module cannot be imported."""
    (folder / "sitecustomize.py").write_text(BLOCK.format(module=module, where=where))
    return str(folder)


def line(shown: str, check: str) -> str:
    """The line of the table on one check."""
    return next(line.rstrip() for line in shown.splitlines() if line[6:].startswith(check))


@pytest.mark.slow
def test_a_healthy_environment() -> None:
    code, shown = doctor("--no-ray", "--model", str(TINY_MODEL))
    assert code == 0
    assert "FAIL" not in shown
    assert line(shown, "advantage").endswith("right +0.9071, wrong -0.5071 (GRPO +0.7071, -0.7071)")


@pytest.mark.slow
def test_a_plugin_that_does_not_load_is_told_with_the_cause(tmp_path: Path) -> None:
    """verl logs it at DEBUG, and says later that the estimator is unknown."""
    code, shown = doctor("--no-ray", PYTHONPATH=without(tmp_path, "wrapt"))
    assert code == 1
    row = line(shown, "plugin")
    assert row.startswith("FAIL")
    assert "ImportError: libsomething.so: cannot open shared object file" in row


@pytest.mark.slow
def test_a_plugin_that_is_left_out() -> None:
    code, shown = doctor("--no-ray", VERL_USE_EXTERNAL_PLUGINS="others")
    assert code == 1
    assert "VERL_USE_EXTERNAL_PLUGINS=others leaves it out" in line(shown, "plugin")


@pytest.mark.slow
def test_what_verls_trainer_needs_and_lists_in_extras_only(tmp_path: Path) -> None:
    code, shown = doctor("--no-ray", PYTHONPATH=without(tmp_path, "transfer_queue"))
    assert code == 1
    row = line(shown, "trainer")
    assert row.startswith("FAIL")
    assert "libsomething.so" in row


@pytest.mark.slow
def test_a_real_worker_of_ray_loads_the_plugin() -> None:
    code, shown = doctor(RAY_ADDRESS="")
    assert code == 0
    assert line(shown, "Ray workers").endswith("a local worker loads the plugin")


@pytest.mark.slow
def test_workers_that_cannot_load_it_while_the_driver_can(tmp_path: Path) -> None:
    broken = without(tmp_path, "egpo_verl.integration.plugin", IN_RAY_WORKER)
    code, shown = doctor(RAY_ADDRESS="", PYTHONPATH=broken)
    assert code == 1
    assert line(shown, "plugin").startswith("ok")
    row = line(shown, "Ray workers")
    assert row.startswith("FAIL")
    assert "cannot load egpo_verl (ImportError: libsomething.so: cannot open shared object" in row
