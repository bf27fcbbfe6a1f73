"""A checkpoint that verl cannot write: what is there, and how much room is left.

Nothing is removed and nothing rewritten; `python -m egpo_verl.doctor --run DIR` says what can be
resumed from.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

TRACKER = "latest_checkpointed_iteration.txt"


class SaveFailed(RuntimeError):
    """A checkpoint was not saved; the cause is verl's error."""


def save_checkpoint(stock: Callable[..., Any], trainer: Any, *args: Any, **kwargs: Any) -> Any:
    """In place of a trainer's `_save_checkpoint`.

    Raises:
        SaveFailed: verl's method raised.
    """
    try:
        return stock(*args, **kwargs)
    except Exception as error:
        raise SaveFailed(_in_words(trainer, error)) from error


def _in_words(trainer: Any, error: Exception) -> str:
    root = Path(trainer.config.trainer.default_local_dir).expanduser().absolute()
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return (
        f"saving the checkpoint of step {trainer.global_steps} to {root} failed "
        f"({lines[-1].strip()}); {_what_is_there(root)}. Nothing "
        f"was removed: python -m egpo_verl.doctor --run {root} says what a new start goes on from."
    )


def _what_is_there(root: Path) -> str:
    try:
        there = next(folder for folder in (root, *root.parents) if folder.exists())
        free = shutil.disk_usage(there).free
        return f"{free / 1e9:.3f} GB are free there and {_recorded(root)}"
    except OSError as error:
        return f"the folder cannot be looked at ({error.strerror})"


def _recorded(root: Path) -> str:
    tracker = root / TRACKER
    if not tracker.is_file():
        return "verl has recorded no checkpoint yet"
    step = tracker.read_text(encoding="utf-8", errors="replace").strip()
    return f"the last checkpoint that verl recorded is of step {step}"
