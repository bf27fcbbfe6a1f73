"""What became of single rows, one JSON line each, written as the job goes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

from egpo_verl.datasets.checks.check import Repair
from egpo_verl.datasets.unusable import Unusable

DROPPED = "dropped.jsonl"
"""`{"file", "index", "turn", "reason", "detail"}` of each dropped row, with `call`, `argument` and
`value` where an argument is the reason. Where a folder is read, all lines have `row` too, the row's
place in its file; `index` is its place among the rows of all files."""
REPAIRED = "repaired.jsonl"
"""`{"file", "index", "turn", "reason", "call", "argument", "before", "after"}` of each repaired
argument of a kept row; without `after` where the repair was to leave it out."""
CONTAMINATED = "contaminated.jsonl"
"""`{"file", "index", "turn", "reason", "found"}` of each row that a benchmark has too."""
FILES = (DROPPED, REPAIRED, CONTAMINATED)

Line = Mapping[str, Any]
Place = Callable[[int], Mapping[str, Any]]
"""The file of the row of an index."""


class Trail:
    """Writes the lines; a context manager. A file is there only if it has a line.

    Attributes:
        place: the file of each row that is read.
    """

    def __init__(self, folder: Path, place: Place) -> None:
        self.place = place
        self._folder = folder
        self._files: dict[str, TextIO] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Trail:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def dropped(self, line: Line) -> None:
        """Note a row that is dropped; `line` is of `drop_line`."""
        self._write(DROPPED, line)
        if line["reason"].startswith("benchmark_"):
            known = {key: line[key] for key in ("index", "turn", "reason") if key in line}
            self._write(CONTAMINATED, {**known, "found": line["detail"]})

    def repaired(self, index: int, turn: int | None, repairs: Iterable[Repair]) -> None:
        """Note the repairs of a row that is kept."""
        for repair in repairs:
            reason = ", ".join(repair.kinds)
            after = {} if repair.left_out else {"after": repair.after}
            self._write(
                REPAIRED,
                {
                    **row_id(index, turn),
                    "reason": reason,
                    "call": repair.call,
                    "argument": repair.argument,
                    "before": repair.before,
                    **after,
                },
            )

    def _write(self, name: str, line: Line) -> None:
        if name not in self._files:
            # Half a character, which no encoding can write, becomes its JSON escape.
            file = (self._folder / name).open("w", encoding="utf-8", errors="backslashreplace")
            self._files[name] = self._stack.enter_context(file)
        self._files[name].write(f"{_json({**self.place(line['index']), **line})}\n")


def _json(line: Line) -> str:
    """The line as JSON, in which numbers that JSON has not are texts."""
    try:
        return _encode(line)
    except ValueError:
        return _encode(_finite(line))


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=str).encode


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return list(map(_finite, value))
    if isinstance(value, float) and not math.isfinite(value):
        return json.dumps(value)
    return value


def row_id(index: int, turn: int | None) -> dict[str, int]:
    """What tells a row from all others of its file; a row that is no dialogue has no turn."""
    return {"index": index} if turn is None else {"index": index, "turn": turn}


def drop_line(problem: Unusable, index: int, turn: int | None) -> dict[str, Any]:
    """The line on a dropped row."""
    line = {"reason": problem.reason, "detail": problem.detail}
    return {**row_id(index, turn), **line, **problem.where}
