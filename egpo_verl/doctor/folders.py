"""Where verl keeps checkpoints: `global_step_N`, and the tracker that names the last one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

TRACKER = "latest_checkpointed_iteration.txt"
STEP = re.compile(r"global_step_(\d+)")

Folders = Mapping[int, Path]
"""Step -> folder, in order."""


def is_checkpoint_folder(folder: Path) -> bool:
    """Whether verl has saved here."""
    return folder.is_dir() and ((folder / TRACKER).exists() or bool(step_folders(folder)))


def recorded_step(root: Path) -> int | None:
    """The step that the tracker names; None where it holds no number. Raises OSError.

    verl reads it in the same way, and ends with a ValueError where there is no number.
    """
    try:
        return int((root / TRACKER).read_bytes().decode())
    except ValueError:
        return None


def step_folders(root: Path) -> Folders:
    """The folders `global_step_N` in `root` by step, in order."""
    folders = {
        int(match[1]): path
        for path in root.iterdir()
        if (match := STEP.fullmatch(path.name)) and path.is_dir()
    }
    return dict(sorted(folders.items()))
