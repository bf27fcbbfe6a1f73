"""A recipe script as verl would see it: the command that it ends in, read and not run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from egpo_verl.errors import UserError
from egpo_verl.sizing.model import shape_of
from egpo_verl.sizing.setup import GPUS, KNOBS, A, Setup

# Stands for python3 in front of the real one, and writes down its arguments.
_RECORDER = """#!{python}
import json, sys
with open({log!r}, "a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")
"""
ROWS = {"xlam": 57_000, "funreason_mt": 27_321, "toolworld_live": 20_000}
"""Training rows by the beginning of a dataset's folder: xLAM's 60,000 less 5 %, with the multi-turn
rows the paper's 88,759 less 5 %, and of toolworld live what its recipe makes."""
LONG_THINKERS = {"Qwen/Qwen3-4B-Thinking-2507": 1_500}
"""Mean tokens of a response of models that were trained to think long, a guess."""
_MAIN = ["-m", "verl.trainer.main_ppo"]
_HARDWARE = re.compile(r"^# EGPO \| .* \| (\d+ x \d+ x (\d+) GB)$", re.MULTILINE)


class Recipe(NamedTuple):
    """A run script, read."""

    setup: Setup
    hardware: str  # nodes x GPUs x memory, `1 x 8 x 80 GB`
    datasets: list[str]  # folders that the training files lie in


def commands(script: Path, *arguments: str, **environment: str) -> list[list[str]]:
    """The arguments of each `python3` that a script starts, none of which runs.

    `arguments` and `environment` are the script's.

    Raises:
        UserError: the script fails; with the end of its stderr.
    """
    with tempfile.TemporaryDirectory() as folder:
        log, recorder = Path(folder, "commands"), Path(folder, "python3")
        log.touch()
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
            raise UserError(f"{script} ends with code {ran.returncode}: {ran.stderr[-2000:]}")
        return [json.loads(line) for line in log.read_text().splitlines()]


def training_overrides(script: Path, *arguments: str, **environment: str) -> list[str]:
    """The overrides that the script gives to `verl.trainer.main_ppo`, its last command.

    Raises:
        UserError: the script fails, or ends in no training by overrides alone.
    """
    started = commands(script, *arguments, **environment)
    if not started or started[-1][:2] != _MAIN or any("=" not in word for word in started[-1][2:]):
        raise UserError(f"{script} does not end in a training by overrides of verl's main_ppo.")
    return started[-1][2:]


def read_recipe(script: Path) -> Recipe:
    """A recipe's settings on the hardware that its line `# EGPO | ... | 1 x 8 x 80 GB` names.

    Raises:
        UserError: see `training_overrides` and `shape_of`; or no such line, no known GPU, no model,
            or a dataset without a known size.
    """
    values = dict(word.lstrip("+").split("=", 1) for word in training_overrides(script))
    line = _HARDWARE.search(script.read_text(encoding="utf-8"))
    if line is None or int(line[2]) not in GPUS:
        raise UserError(f"{script} lacks its hardware, as in '# EGPO | ... | 1 x 8 x 80 GB'.")
    model = values.get("actor_rollout_ref.model.path")
    if model is None:
        raise UserError(f"{script} sets no actor_rollout_ref.model.path.")
    megatron = values.get("model_engine") == "megatron"
    engine = "megatron" if megatron else "fsdp_config"
    files = values.get("data.train_files", "").strip("[]").split(",")
    datasets = [Path(file).parent.name for file in files]
    knobs = {
        knob.name: type(getattr(Setup, knob.name))(values[knob.metadata["key"]])
        for knob in KNOBS
        if knob.metadata["key"] in values
    }
    setup = Setup(
        model,
        shape_of(model),
        GPUS[int(line[2])],
        gpus=int(values.get("trainer.nnodes", 1)) * int(values.get("trainer.n_gpus_per_node", 8)),
        rows=sum(map(_rows_of, datasets)),
        mean_response=LONG_THINKERS.get(model, Setup.mean_response),
        megatron=megatron,
        offload=values.get(f"{A}.{engine}.param_offload") == "True",
        **knobs,
    )
    return Recipe(setup, line[1], datasets)


def _rows_of(dataset: str) -> int:
    for name, rows in ROWS.items():
        if dataset.startswith(name):
            return rows
    raise UserError(f"{dataset} is no dataset of known size; there are {', '.join(ROWS)}.")
