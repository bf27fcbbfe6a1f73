"""Before anything starts: whether verl takes every arm's overrides, and whether arms differ."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from egpo_verl.errors import UserError
from egpo_verl.lab.command import arm_overrides, overrides_of
from egpo_verl.lab.run_folder import FINAL, TRAIN, RunFolder
from egpo_verl.lab.study import Study

Config = Mapping[str, Any]
WORD = "error"


def check_arms(study: Study) -> None:
    """Raises:
    UserError: verl refuses the overrides of an arm, or two arms are one and the same.
    """
    overrides_by_name = {arm: _whole(study, arm, TRAIN) for arm in study.arms}
    overrides_by_name[f"{study.baseline}'s measurement"] = _whole(study, study.baseline, FINAL)
    configs = compose(overrides_by_name)
    names = list(study.arms)
    for place, name in enumerate(names):
        for other in names[:place]:
            if configs[name] == configs[other]:
                raise UserError(
                    f"arms {other} and {name} are equal: their overrides make the same "
                    "configuration; change or remove one."
                )


def _whole(study: Study, arm: str, phase: str) -> list[str]:
    """The overrides of a run whose names are the same for all arms."""
    folder = RunFolder(Path(study.folder), arm, study.seeds[0], study.steps)
    overrides = overrides_of(study, folder, phase)
    of_arm = arm_overrides(study, arm)
    return [*of_arm, *(text.replace(folder.name, "run") for text in overrides[len(of_arm) :])]


def compose(overrides_by_name: Mapping[str, list[str]]) -> dict[str, Config]:
    """verl's configuration under each list of overrides.

    Raises:
        UserError: verl refuses one, or is not installed.
    """
    ran = subprocess.run(
        [sys.executable, "-m", "egpo_verl.integration.compose"],
        input=json.dumps(overrides_by_name),
        capture_output=True,
        text=True,
    )
    if ran.returncode:
        last = ran.stderr.strip().splitlines()[-1:] or ["no word"]
        raise UserError(f"verl cannot be asked for its configuration ({last[0]}): install it.")
    answers: dict[str, dict[str, Any]] = json.loads(ran.stdout)
    for name, answer in answers.items():
        if WORD in answer:
            raise UserError(f"verl refuses arm {name}: {answer[WORD].rstrip('.')}.")
    return {name: answer["config"] for name, answer in answers.items()}
