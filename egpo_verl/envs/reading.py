"""A file of rows as the command reads it: scripts, and rows that are verl's already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egpo_verl.calls import FORMS
from egpo_verl.datasets.reading.files import Rows
from egpo_verl.datasets.unusable import Unusable
from egpo_verl.envs.rows import script_of
from egpo_verl.envs.script import Script
from egpo_verl.errors import UserError

NEEDED = ("data_source", "prompt", "reward_model")
"""What verl reads of every row beside `extra_info`, also of an episode's."""


@dataclass(frozen=True)
class FileRow:
    """A row and its place.

    Attributes:
        number: its place in the file.
        script: its episode; None where it is answered in a single turn.
        call_form: how the calls of its episode are written.
        verls: the row itself where it is verl's already; None where it is a bare script.
    """

    number: int
    script: Script | None
    call_form: str
    verls: Mapping[str, Any] | None


def read_rows(path: Path, call_form: str, save: bool) -> list[FileRow]:
    """All rows of a file, in its order.

    Args:
        call_form: of bare scripts; verl's rows have their own, as in training.
        save: whether verl shall read them, so that nothing may be missing.

    Raises:
        UserError: a row cannot be read, or none is of an episode.
    """
    rows = []
    for number, row in enumerate(Rows(path)):
        try:
            if isinstance(row, Unusable):
                raise UserError(f"{row}.")
            rows.append(_read(number, row, call_form, path.suffix == ".parquet"))
            if save:
                _check_whole(rows[-1])
        except UserError as error:
            raise UserError(f"{path}, row {number}: {error}") from error
    if not any(row.script for row in rows):
        raise UserError(f"{path} holds no row of a live episode.")
    return rows


def _read(number: int, row: Any, call_form: str, in_parquet: bool) -> FileRow:
    if in_parquet and "turns" in row:
        row = _without_nulls(row)
    script = script_of(row)
    if "turns" in row:
        return FileRow(number, script, call_form, None)
    form = row["extra_info"].get("call_form") or "python"
    if script and form not in FORMS:
        raise UserError(f"extra_info.call_form is {form!r}; there are {', '.join(FORMS)}.")
    return FileRow(number, script, form, row)


def _without_nulls(value: Any) -> Any:
    """Parquet gives every object the keys of all of its column: null where a row has none."""
    if isinstance(value, Mapping):
        return {key: _without_nulls(one) for key, one in value.items() if one is not None}
    return [_without_nulls(one) for one in value] if isinstance(value, list) else value


def _check_whole(row: FileRow) -> None:
    for name in NEEDED:
        if row.verls is not None and row.verls.get(name) is None:
            raise UserError(f"verl needs {name!r} in a row; add it, or leave the row out.")
