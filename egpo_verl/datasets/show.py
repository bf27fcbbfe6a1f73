"""`python -m egpo_verl.preprocess show`: rows of a written file for a person."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from egpo_verl.cli import count, out
from egpo_verl.datasets.jobs.trail import REPAIRED
from egpo_verl.datasets.parquet.rows import read_truth
from egpo_verl.datasets.parquet.view import RowId, View, row_id, show_rows
from egpo_verl.datasets.selection.index import KINDS, kind_of
from egpo_verl.errors import UserError


def add_show(command: argparse.ArgumentParser) -> None:
    """The options of `show`, and what it does."""
    command.add_argument("file", type=Path)
    command.add_argument("-n", type=count, default=3, help="rows (3)")
    command.add_argument("--kind", choices=KINDS, help="only rows of this kind")
    command.add_argument("--index", type=int, metavar="N", help="only rows of this source row")
    command.add_argument(
        "--repaired", action="store_true", help="only rows that were repaired, with what was"
    )
    command.add_argument(
        "--sample", type=int, metavar="SEED", help="rows at random instead of the first ones"
    )
    command.add_argument(
        "--whole", action="store_true", help="with the system prompt and the types of parameters"
    )
    command.set_defaults(run=_show)


def _show(options: argparse.Namespace) -> None:
    repairs = _repairs(options.file) if options.repaired else None
    matches = partial(_matches, kind=options.kind, index=options.index, repairs=repairs)
    view = View(options.n, matches, repairs, options.sample, options.whole)
    show_rows(options.file, view, out())


def _matches(
    row: Mapping[str, Any], kind: str | None, index: int | None, repairs: Mapping[RowId, Any] | None
) -> bool:
    info = row["extra_info"]
    if index is not None and info["index"] != index:
        return False
    if repairs is not None and row_id(row) not in repairs:
        return False
    return kind is None or _kind(row) == kind


def _kind(row: Mapping[str, Any]) -> str:
    calls, _ = read_truth(row["reward_model"]["ground_truth"])
    return kind_of(len(calls), len(json.loads(row["extra_info"]["tools"])))


def _repairs(file: Path) -> dict[RowId, list[str]]:
    """The repairs in the file beside it, by row."""
    path = file.with_name(REPAIRED)
    if not path.exists():
        raise UserError(f"{path} is not there: no row was repaired, or an older version wrote.")
    repairs: dict[RowId, list[str]] = {}
    with path.open(encoding="utf-8", errors="surrogateescape") as lines:
        for number, line in enumerate(lines, 1):
            try:
                row, text = _repair(line)
            except (ValueError, LookupError, TypeError, RecursionError) as error:
                raise UserError(
                    f"{path} is not a list of repairs, or is cut: line {number} cannot be read; "
                    "preprocess again, or leave --repaired out."
                ) from error
            repairs.setdefault(row, []).append(text)
    return repairs


def _repair(line: str) -> tuple[RowId, str]:
    """The row that a line is of, and what was repaired."""
    repair = json.loads(line)
    before, after = (
        json.dumps(repair[key], ensure_ascii=False) if key in repair else "left out"
        for key in ("before", "after")
    )
    index, turn = repair["index"], repair.get("turn")
    if not isinstance(index, int) or not isinstance(turn, int | None):
        raise TypeError(f"not a row: {index!r}, {turn!r}")
    return (index, turn), f"{repair['call']}({repair['argument']}): {before} -> {after}"
