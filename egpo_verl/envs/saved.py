"""Rows as a parquet file for `data.train_files`, those that are verl's already as they are."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from egpo_verl.cli import write_file_aside
from egpo_verl.datasets.parquet.rows import SCHEMA
from egpo_verl.datasets.reading.folder import kind_of
from egpo_verl.envs.reading import FileRow
from egpo_verl.errors import UserError

ADVICE = "data.train_files takes a list, so rows that differ can be in files of their own."
_MISFITS = (pa.ArrowException, OverflowError, UnicodeError)
"""What Arrow raises where values do not fit a column."""


def save(
    path: Path, source: Path, rows: Sequence[FileRow], made: Mapping[int, Mapping[str, Any]]
) -> None:
    """Write all rows of a file, in its order.

    Args:
        source: the file.
        made: what bare scripts became, by their number.

    Raises:
        UserError: `path` cannot be written, or the rows cannot share columns.
    """
    with write_file_aside(path) as part:
        if not source.is_dir() and kind_of(source)[0] == "parquet" and _are_verls(rows):
            shutil.copyfile(source, part)  # its types would be guessed anew
            return
        table = _table([made[row.number] if row.verls is None else row.verls for row in rows])
        try:
            pq.write_table(table, part, compression="zstd")
        except pa.ArrowException as error:
            raise UserError(f"the rows cannot be written as parquet ({error}); {ADVICE}") from error


def _are_verls(rows: Iterable[FileRow]) -> bool:
    return all(row.verls is not None for row in rows)


def _table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows under the columns of `SCHEMA` and whatever else they have; what one lacks is null."""
    structs = _structs(rows, SCHEMA, "")
    return pa.Table.from_arrays(structs.flatten(), names=[field.name for field in structs.type])


def _structs(
    items: Sequence[Mapping[str, Any]], fields: Iterable[pa.Field], place: str
) -> pa.StructArray:
    kinds = {field.name: field.type for field in fields}
    there = dict.fromkeys(name for item in items for name in item)
    names = [name for name in kinds if name in there] + [
        name for name in there if name not in kinds
    ]
    columns = [
        _column([item.get(name) for item in items], kinds.get(name), f"{place}{name}")
        for name in names
    ]
    return pa.StructArray.from_arrays(columns, names)


def _column(values: Sequence[Any], kind: pa.DataType | None, place: str) -> pa.Array:
    """A column of the kind that our rows have there, if that keeps all values as they are."""
    if kind and pa.types.is_struct(kind) and all(isinstance(value, Mapping) for value in values):
        return _structs(values, kind, f"{place}.")
    if kind:
        with suppress(*_MISFITS):
            column = pa.array(values, kind)
            if column.to_pylist() == values:  # Arrow cuts 7.5 to 7, and leaves keys out
                return column
    try:
        return pa.array(values)
    except _MISFITS as error:
        raise UserError(
            f"the column {place} cannot hold what all rows have there ({error}); {ADVICE}"
        ) from error
