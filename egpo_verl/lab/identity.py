"""Whose folder it is: what its runs share, by content."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from egpo_verl.cli import write_file_aside
from egpo_verl.errors import UserError
from egpo_verl.lab.study import Study

FILE, FILES = "study.json", "files"
TRAIN_DIGEST = "train_digest"
"""Of an arm's own training file, in its `run.json`."""
WHOLE = 2**26
"""Bytes up to which a file of the model counts by content, above by size."""


def check_folder(study: Study) -> None:
    """Raises:
    UserError: the folder holds the runs of another study, or other things.
    """
    folder = Path(study.folder)
    if not (folder / FILE).exists():
        if folder.is_dir() and any(folder.iterdir()):
            raise UserError(f"{folder} holds other things: give the study another folder.")
        return
    others = differing(study, identity(study))
    if others:
        raise UserError(
            f"{folder} is the folder of another study, with other {', '.join(others)}: give "
            "this one a folder of its own."
        )


def claim(study: Study) -> None:
    """Write down whose folder it is, once."""
    file = Path(study.folder) / FILE
    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with write_file_aside(file) as part:
        part.write_text(json.dumps(identity(study), indent=1) + "\n", encoding="utf-8")


def differing(study: Study, mine: dict[str, Any]) -> list[str]:
    """Names of what this study and the folder's runs do not share."""
    file = Path(study.folder) / FILE
    try:
        theirs = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        theirs = None
    if not isinstance(theirs, dict):
        raise UserError(f"{file} is damaged: give the study another folder.")
    return [key for key in mine if not _agree(mine[key], theirs.get(key), key == FILES)]


def _agree(mine: Any, theirs: Any, is_files: bool) -> bool:
    """Equal; of files those that are there now, the others are to be made yet."""
    if is_files and isinstance(theirs, dict):
        return all(theirs.get(path) == digest for path, digest in mine.items())
    return bool(mine == theirs)


def identity(study: Study) -> dict[str, Any]:
    """What all runs of a folder share, with the contents of model and data."""
    contents = {str(path): _digest(path) for path in study.files() if path.is_file()}
    return study.common() | {FILES: contents, "model_files": _model_digest(study.model)}


def train_digest(study: Study, arm: str) -> dict[str, str]:
    """The content of a training file that this arm alone has, for the record of its run."""
    path = Path(study.arms[arm].train) if arm in study.arms else Path()
    return {TRAIN_DIGEST: _digest(path)} if path.is_file() else {}


def _model_digest(model: str) -> str:
    folder = Path(model)
    if not folder.is_dir():
        return ""
    total = hashlib.sha256()
    for path in sorted(file for file in folder.rglob("*") if file.is_file()):
        size = path.stat().st_size
        total.update(f"{path.relative_to(folder)} {size}\n".encode())
        if size <= WHOLE:
            total.update(_digest(path).encode())
    return total.hexdigest()[:16]


def _digest(path: Path) -> str:
    total = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            total.update(block)
    return total.hexdigest()[:16]
