"""A packed study: a folder small enough to be committed, with every number of the report.

`study.json`, and one `ARM-seedN.jsonl.gz` for each run: a line with what the run is, one for each
step, and one with the counts of its last measurement.
"""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

from egpo_verl.cli import write_file_aside
from egpo_verl.errors import UserError
from egpo_verl.lab.command import START
from egpo_verl.lab.evidence import (
    Evidence,
    RunEvidence,
    about_study,
    read_records,
    records_of,
    start_counts,
)
from egpo_verl.lab.schedule import folders_of
from egpo_verl.lab.study import Study

SUFFIX = ".jsonl.gz"


def pack(study: Study, folder: Path) -> None:
    """Write the packed study `folder/NAME`, each file whole or not at all."""
    target = folder / study.name
    target.mkdir(parents=True, exist_ok=True)
    names = set()
    for run in folders_of(study):
        lines = [json.dumps(record, separators=(",", ":")) for record in records_of(study, run)]
        names.add(f"{run.name}{SUFFIX}")
        _write(target / f"{run.name}{SUFFIX}", _compressed("\n".join(lines) + "\n"))
    content = json.dumps(about_study(study) | {START: start_counts(study)}, indent=1) + "\n"
    _write(target / "study.json", content.encode())
    for stale in target.glob(f"*{SUFFIX}"):
        if stale.name not in names:
            stale.unlink()


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
        study = json.loads((folder / "study.json").read_text(encoding="utf-8"))
        start = study.pop(START)
        runs = [
            _read_packed(folder / f"{arm}-seed{seed}{SUFFIX}")
            for seed in study["seeds"]
            for arm in study["arms"]
        ]
    except FileNotFoundError as error:
        raise UserError(f"{error.filename} is not there: {folder} is no packed study.") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{folder}/study.json was not written by `lab report --pack`.") from None
    return Evidence(study, runs, start)


def _read_packed(path: Path) -> RunEvidence:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            return read_records(json.loads(line) for line in file)
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise UserError(f"{path} is damaged: pack the study again.") from None
