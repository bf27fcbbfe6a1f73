"""verl's releases as pip has them, each beside the one environment of the tests, and what the probe
finds with each in fresh processes."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
INSTALLED = "0.9.1"
RELEASES: dict[str, tuple[str, ...]] = {
    # It imports AutoModelForVision2Seq, which transformers 5 no longer has, so it gets the last
    # transformers 4 and what that needs. Nothing of it is replaced by anything made up.
    "0.7.0": ("transformers==4.57.6", "huggingface-hub==0.36.2", "datasets==4.4.1"),
    "0.7.1": (),
    "0.8.0": (),
    "0.9.0": (),
    INSTALLED: (),
}
SINCE_ENTRY_POINTS = ("0.9.0", "0.9.1")


class Unreachable(RuntimeError):
    """The package index gives no wheels."""


def folder_of(version: str, cache: Path) -> Path:
    """The folder that holds the package `verl` of a release, fetched once.

    Raises:
        Unreachable: pip cannot download it.
    """
    if version == INSTALLED:
        spec = importlib.util.find_spec("verl")
        assert spec is not None
        assert spec.origin is not None
        return Path(spec.origin).parents[1]
    folder = cache / version
    if folder.is_dir():
        return folder
    with tempfile.TemporaryDirectory(dir=cache) as made:
        wheels, unpacked = Path(made, "wheels"), Path(made, "unpacked")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        names = [f"verl=={version}", *RELEASES[version]]
        options = ["--only-binary", ":all:", "--dest", str(wheels)]
        ran = subprocess.run([*command, *options, *names], capture_output=True, text=True)
        if ran.returncode:
            raise Unreachable(f"pip cannot download {', '.join(names)}: {ran.stderr[-300:]}")
        for wheel in wheels.iterdir():
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(unpacked)
        unpacked.rename(folder)
    return folder


@functools.cache
def probed(version: str, cache: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What `probe.py` finds with this package, loaded by VERL_USE_EXTERNAL_MODULES, and without."""
    folder = folder_of(version, cache)
    with tempfile.TemporaryDirectory() as results:
        with_it, without = Path(results, "with.json"), Path(results, "without.json")
        running = [
            start(folder, "egpo_verl", str(with_it)),
            start(folder, "", str(without), "--without"),
        ]
        for process in running:
            printed, _ = process.communicate(timeout=600)
            assert process.returncode == 0, printed[-4000:]
        return json.loads(with_it.read_text()), json.loads(without.read_text())


def start(folder: Path, modules: str, *arguments: str) -> subprocess.Popen[str]:
    """The probe with the verl of a folder, which is its working folder as well: one_step_off looks
    for verl's configuration from there."""
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", str(HERE / "probe.py"), *arguments],
        cwd=folder,
        env=environment(folder, modules) | {"VERL_USE_EXTERNAL_PLUGINS": "none"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def environment(folder: Path, modules: str) -> dict[str, str]:
    """Variables for a process that imports verl from a folder."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
        "VERL_USE_EXTERNAL_MODULES": modules,
    }


def has_by_entry_point(version: str, cache: Path) -> bool:
    """Whether verl has the estimator in a process where nothing names this package."""
    folder = folder_of(version, cache)
    code = "from verl.trainer.ppo import core_algos as c; print('egpo' in c.ADV_ESTIMATOR_REGISTRY)"
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=environment(folder, "") | {"VERL_USE_EXTERNAL_PLUGINS": "auto"},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return ran.stdout.split()[-1] == "True"
