"""A packed study: a folder small enough to be committed, with every number of the report.

`study.json`, and one `ARM-seedN.jsonl.gz` for each run: a line with what the run is, one for each
step, and one with the counts of its last measurement.
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from pathlib import Path
from typing import Any

from egpo_verl.cli import say, write_file_aside
from egpo_verl.errors import UserError
from egpo_verl.lab.answers import CELL, Counts
from egpo_verl.lab.command import START, arm_overrides
from egpo_verl.lab.evidence import (
    Evidence,
    RunEvidence,
    about_study,
    read_records,
    records_of,
    start_counts,
)
from egpo_verl.lab.run_folder import RunFolder
from egpo_verl.lab.schedule import folders_of
from egpo_verl.lab.study import Study

SUFFIX = ".jsonl.gz"
TYPES = {
    "name": str,
    "question": str,
    "model": str,
    "data": str,
    "steps": int,
    "seeds": list,
    "baseline": str,
    "overrides": list,
    "level": float,
    "arms": dict,
    "final": dict,
    "expect": dict,
    "parts": list,
    START: list,
}
"""Keys of a packed study."""
DAMAGED = (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, zlib.error)
"""What reading a file raises that `pack` did not write so."""


def pack(study: Study, folder: Path) -> Path:
    """Write the packed study `folder/NAME`, each file whole or not at all.

    A run that was packed when it was done stays as it is where its folder is gone or not done.

    Raises:
        UserError: such a run was made with other overrides or steps.
    """
    target = folder / study.name
    target.mkdir(parents=True, exist_ok=True)
    for run in folders_of(study):
        path = target / f"{run.name}{SUFFIX}"
        if run.run_json().get("done") or not _is_packed(study, run, path):
            lines = [json.dumps(record, separators=(",", ":")) for record in records_of(study, run)]
            _write(path, _compressed("\n".join(lines) + "\n"))
    file = target / "study.json"
    start = start_counts(study) or (_read_study(target)[START] if file.exists() else [])
    content = json.dumps(about_study(study) | {START: start}, indent=1) + "\n"
    _write(file, content.encode())
    return target


def _is_packed(study: Study, run: RunFolder, path: Path) -> bool:
    """Whether `path` holds this run, done."""
    if not path.exists():
        return False
    packed = _read_run(path, run.arm, run.seed)
    if not packed.is_done:
        return False
    about = packed.about
    if (about["arm_overrides"], about["steps"]) != (arm_overrides(study, run.arm), study.steps):
        raise UserError(f"{path} was made with other overrides or steps: pack to another folder.")
    say(f"{path} is kept: {run.path} is not done.")
    return True


def _compressed(text: str) -> bytes:
    """The same bytes for the same text."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0, filename="") as file:
        file.write(text.encode())
    return buffer.getvalue()


def _write(path: Path, content: bytes) -> None:
    with write_file_aside(path) as part:
        part.write_bytes(content)


def from_packed(folder: Path) -> Evidence:
    """The evidence of a packed study.

    Raises:
        UserError: a file that `pack` did not write, or not to its end.
    """
    try:
        study = _read_study(folder)
        start = study.pop(START)
        runs = [
            _read_run(folder / f"{arm}-seed{seed}{SUFFIX}", arm, seed)
            for seed in study["seeds"]
            for arm in study["arms"]
        ]
    except FileNotFoundError as error:
        raise UserError(f"{error.filename} is not there: {folder} is no packed study.") from None
    return Evidence(study, runs, start)


def _read_study(folder: Path) -> dict[str, Any]:
    path = folder / "study.json"
    try:
        study: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        whole = all(isinstance(study[key], kind) for key, kind in TYPES.items())
        whole = whole and study["baseline"] in study["arms"] and bool(study["parts"])
        for cell in study[START] if whole else ():
            _check_cell(cell)
    except FileNotFoundError:
        raise
    except DAMAGED:
        whole = False
    if not whole:
        raise UserError(f"{path} was not written by `lab report --pack`.")
    return study


def _read_run(path: Path, arm: str, seed: int) -> RunEvidence:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            run = read_records(json.loads(line) for line in file)
        if (run.arm, run.seed) != (arm, seed) or run.is_done != bool(run.final):
            raise ValueError("of another run, or not to its end")
        for values in run.log.values.values():
            for value in values.values():
                float(value)
        for cell in run.final:
            _check_cell(cell)
    except FileNotFoundError:
        raise
    except DAMAGED:
        raise UserError(f"{path} is damaged: pack the study again.") from None
    return run


def _check_cell(cell: Counts) -> None:
    """Raise one of DAMAGED where this is no cell that `answers` counts."""
    names = [cell[key] for key in CELL]
    counts = [cell[key] for key in ("prompts", "responses", "right", "passed")]
    if not all(isinstance(one, str) for one in names) or not all(
        isinstance(one, int) for one in counts
    ):
        raise TypeError("a cell of other types")
