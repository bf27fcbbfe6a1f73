"""Where a job writes, and how spooled rows get to the parquet file of their side of the split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pyarrow as pa

from egpo_verl.datasets.checks.length import LengthLimit
from egpo_verl.datasets.parquet.columns import column, flags, wholes
from egpo_verl.datasets.parquet.spool import Spool
from egpo_verl.datasets.parquet.writer import ParquetOut, batch_of
from egpo_verl.datasets.reading.json_text import read_functions
from egpo_verl.datasets.selection.index import RowIndex, kind_of
from egpo_verl.datasets.unusable import Unusable

Row = dict[str, Any]


@dataclass(frozen=True)
class Output:
    """Where a job writes.

    Attributes:
        folder: made if it is not there.
        overwrite: replace files in `folder` though no earlier job wrote them.
        run: what the report says of how the job was started: command, version, options.
        sft_seed: write the rows as demonstrations too, worded by this seed; None not to.
    """

    folder: Path
    overwrite: bool = False
    run: Mapping[str, str] = field(default_factory=dict)
    sft_seed: int | None = None


class Edit(Protocol):
    """A change to some rows on their way to a file; a row is known by its place in the spool."""

    def touches(self, place: int) -> bool:
        """Whether the row may change; the others are copied unread, which is much faster."""

    def apply(self, row: Row, place: int) -> Row | None:
        """A row that may change, after the change; None to leave it out."""


class Written(NamedTuple):
    """What was written to a file: how many rows, and how many of each kind.

    `too_long` are the places of rows that edits made longer than the limit, and left out for it.
    """

    rows: int
    kinds: Counter[str]
    too_long: tuple[int, ...] = ()


def write_splits(
    spool: Spool,
    index: RowIndex,
    files: Sequence[str],
    folder: Path,
    edits: Mapping[str, Sequence[Edit]],
    limit: LengthLimit | None = None,
) -> dict[str, Written]:
    """Write `folder/NAME.parquet` for each name in `edits`; returns what is in each.

    Args:
        spool: the rows.
        index: one entry per row.
        files: the name of each row's file, another word to leave it out.
        edits: name of a file -> what is done to its rows, one edit after another.
        limit: of the prompts; a row that edits make longer is left out.
    """
    too_long: dict[str, list[int]] = {name: [] for name in edits}
    kinds: dict[str, Counter[str]] = {name: Counter() for name in edits}
    with ExitStack() as stack:
        outputs = {
            name: stack.enter_context(ParquetOut(folder / f"{name}.parquet")) for name in edits
        }
        start = 0
        for batch in spool.batches():
            places = range(start, start + batch.num_rows)
            start += batch.num_rows
            for name, output in outputs.items():
                here = [place for place in places if files[place] == name]
                if here:
                    part = batch.filter(flags([files[place] == name for place in places]))
                    kinds_here = [index.kind(place) for place in here]
                    part = _edited(part, here, edits[name], kinds_here, limit, too_long[name])
                    output.add(with_split(part, name))
                    kinds[name].update(filter(None, kinds_here))
    return {
        name: Written(output.rows, kinds[name], tuple(too_long[name]))
        for name, output in outputs.items()
    }


def _edited(
    batch: pa.RecordBatch,
    places: Sequence[int],
    edits: Sequence[Edit],
    kinds: list[str],
    limit: LengthLimit | None,
    too_long: list[int],
) -> pa.RecordBatch:
    """The batch, whose rows have these places, after the edits; in the same order.

    Args:
        kinds: of the rows; becomes those after the edits, empty for a row that is left out.
        too_long: takes the places of rows left out because of `limit`.
    """
    touched = {
        number: concerned
        for number, place in enumerate(places)
        if (concerned := [edit for edit in edits if edit.touches(place)])
    }
    if not touched:
        return batch
    rows: list[Row] = []
    # Row `sources[n]` of what is put together below is row `n` of the result.
    sources = {number: number for number in range(batch.num_rows)}
    unread = batch.take(wholes(touched)).to_pylist()
    for row, (number, concerned) in zip(unread, touched.items(), strict=True):
        edited: Row | None = row
        for edit in concerned:
            edited = edit.apply(edited, places[number]) if edited is not None else None
        if edited is not None and edited is not row and not _fits(edited, limit):
            too_long.append(places[number])
            edited = None
        if edited is None:
            del sources[number]
            kinds[number] = ""
        elif edited is not row:
            sources[number] = batch.num_rows + len(rows)
            rows.append(edited)
            kinds[number] = _kind_after(edited, kinds[number])
    if not sources:
        return batch.slice(0, 0)
    both = pa.Table.from_batches([batch, batch_of(rows)])
    return both.take(wholes(sources.values())).combine_chunks().to_batches()[0]


def _fits(row: Row, limit: LengthLimit | None) -> bool:
    try:
        if limit is not None:
            limit.measured(row["prompt"])
    except Unusable:
        return False
    return True


def _kind_after(row: Row, kind: str) -> str:
    """The kind of a row that was of another kind before edits, which add no calls and no tools."""
    if row["reward_model"]["ground_truth"] == "[]":
        return "no_call"
    if kind != "multiple":
        return kind
    return kind_of(1, len(read_functions(row["extra_info"]["tools"])))


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
