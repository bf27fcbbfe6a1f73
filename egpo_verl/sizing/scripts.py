"""A recipe script as verl would see it: the command that it ends in, composed and not run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from egpo_verl.sizing.setup import Setup, SizingError, setup_of

# Stands for python3 in front of the real one, and writes down what it was asked to run.
_RECORDER = """#!{python}
import json, os, sys
with open({log!r}, "a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")
"""
_MAIN = ["-m", "verl.trainer.main_ppo"]
_HARDWARE = re.compile(r"^# EGPO \| .* \| (\d+) x (\d+) x (\d+) GB$", re.MULTILINE)


def commands(script: Path, *arguments: str, **environment: str) -> list[list[str]]:
    """The arguments of each `python3` that a script starts, none of which runs.

    `arguments` and `environment` are the script's.

    Raises:
        SizingError: the script fails; with the end of what it said.
    """
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "commands")
        log.touch()
        recorder = Path(folder, "python3")
        recorder.write_text(_RECORDER.format(python=sys.executable, log=str(log)))
        recorder.chmod(0o755)
        path = f"{folder}{os.pathsep}{os.environ['PATH']}"
        ran = subprocess.run(
            ["bash", str(script.absolute()), *arguments],
            env={**os.environ, "RUNS_DIR": folder, **environment, "PATH": path},
            cwd=folder,
            capture_output=True,
            text=True,
        )
        if ran.returncode != 0:
            raise SizingError(f"{script} ends with code {ran.returncode}: {ran.stderr[-2000:]}")
        return [json.loads(line) for line in log.read_text().splitlines()]


def training_overrides(script: Path, *arguments: str, **environment: str) -> list[str]:
    """What the script says to `verl.trainer.main_ppo`, its last command.

    Raises:
        SizingError: the script fails, or starts no training.
    """
    started = commands(script, *arguments, **environment)
    if not started or started[-1][:2] != _MAIN:
        raise SizingError(f"{script} does not end in a training by verl.trainer.main_ppo.")
    return started[-1][2:]


def composed(overrides: Sequence[str]) -> Any:
    """verl's `ppo_trainer` configuration with `overrides`, as its main_ppo composes it.

    Raises:
        SizingError: an override that this verl does not know.
    """
    from hydra import compose, initialize_config_module
    from hydra.errors import HydraException

    try:
        with initialize_config_module("verl.trainer.config", version_base=None):
            return compose("ppo_trainer", overrides=list(overrides))
    except HydraException as error:
        raise SizingError(f"verl's configuration refuses the command: {error}") from None


def hardware(script: Path) -> tuple[int, int, int]:
    """Nodes, GPUs of each and GB of each GPU, from the line `# EGPO | ... | 1 x 8 x 80 GB`.

    Raises:
        SizingError: no such line.
    """
    found = _HARDWARE.search(script.read_text(encoding="utf-8"))
    if found is None:
        raise SizingError(
            f"{script} does not say its hardware, as in '# EGPO | ... | 1 x 8 x 80 GB'."
        )
    nodes, gpus, size = map(int, found.groups())
    return nodes, gpus, size


def setup_of_script(script: Path) -> Setup:
    """A script's settings on the hardware that it names.

    Raises:
        SizingError: see `training_overrides`, `hardware` and `setup_of`.
    """
    return setup_of(composed(training_overrides(script)), hardware(script)[2])
