"""Kept rows written to the train and the test file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from egpo_verl.datasets.parquet.columns import column, flags, wholes
from egpo_verl.datasets.parquet.kept import Kept
from egpo_verl.datasets.parquet.writer import ParquetOut, batch_of

Row = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """What happens to some rows on their way out.

    Attributes:
        touches: whether the row at a place among the kept ones may change; the others are
            copied without being looked at, which is much faster.
        apply: a row and its place; gives it changed or not, or None to leave it out.
    """

    touches: Callable[[int], bool]
    apply: Callable[[Row, int], Row | None]


def deal(
    kept: Kept, files: Sequence[str], folder: Path, change: Change | None = None
) -> dict[str, int]:
    """Write `folder/NAME.parquet` for each name that `files` uses; returns file name -> rows.

    Args:
        kept: one row per entry of `files`.
        files: the file of each row, "" to leave it out.
        change: applied to the rows that are written.
    """
    used = set(files)
    with ExitStack() as stack:
        outputs = {
            name: stack.enter_context(ParquetOut(folder / f"{name}.parquet"))
            for name in ("train", "test")
            if name in used
        }
        start = 0
        for batch in kept.batches():
            places = range(start, start + batch.num_rows)
            start += batch.num_rows
            for name, output in outputs.items():
                here = [place for place in places if files[place] == name]
                part = batch.filter(flags([files[place] == name for place in places]))
                if part.num_rows and change is not None:
                    part = _changed(part, here, change)
                if part.num_rows:
                    output.add(with_split(part, name))
    return {f"{name}.parquet": output.rows for name, output in outputs.items()}


def _changed(batch: pa.RecordBatch, places: Sequence[int], change: Change) -> pa.RecordBatch:
    """The batch, whose rows have these places, after the change; in the same order."""
    touched = [number for number, place in enumerate(places) if change.touches(place)]
    if not touched:
        return batch
    rows: list[Row] = []
    # Row `source[n]` of what is put together below is row `n` of the result.
    source = {number: number for number in range(batch.num_rows)}
    for number, row in zip(touched, batch.take(wholes(touched)).to_pylist(), strict=True):
        new = change.apply(row, places[number])
        if new is None:
            del source[number]
        else:
            source[number] = batch.num_rows + len(rows)
            rows.append(new)
    if not source:
        return batch.slice(0, 0)
    both = pa.Table.from_batches([batch, batch_of(rows)])
    return both.take(wholes(source.values())).combine_chunks().to_batches()[0]


def with_split(batch: pa.RecordBatch, split: str) -> Any:
    """The batch with `extra_info.split` set to `split` in every row."""
    info = batch.column("extra_info")
    columns = [
        column([split] * batch.num_rows, field.type)
        if field.name == "split"
        else info.field(number)
        for number, field in enumerate(info.type)
    ]
    changed = pa.StructArray.from_arrays(columns, fields=list(info.type))
    return batch.set_column(batch.schema.get_field_index("extra_info"), "extra_info", changed)
