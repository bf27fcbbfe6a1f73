"""One environment, in TRL and here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("transformers")

TESTS = Path(__file__).parent


@pytest.mark.slow
def test_the_example_runs_in_trls_own_trainer(tmp_path: Path) -> None:
    """Its tools are offered and called, its state is what the reward function finds."""
    libraries, out = tmp_path / "libraries", tmp_path / "out"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    packages = ["--target", str(libraries), "trl==1.16.0", "jmespath"]
    had = subprocess.run([*install, *packages], capture_output=True, text=True)
    if had.returncode:
        pytest.skip(f"trl cannot be had: {had.stderr[-200:]}")
    out.mkdir()
    command = [sys.executable, str(TESTS / "trl_shop.py"), str(out)]
    path = [str(libraries), str(TESTS.parent / "examples"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    assert ran.returncode == 0, ran.stderr[-4000:]
    written = json.loads((out / "seen.json").read_text())
    assert [world["cart"] for world in written["seen"]] == [{"lamp": 2}] * 2
    assert [world["stock"]["lamp"]["left"] for world in written["seen"]] == [3, 3]
    assert written["log"]["tools/call_frequency"] == 1.0
    assert written["log"]["tools/failure_frequency"] == 0.0
    assert written["log"]["reward"] == 1.0
