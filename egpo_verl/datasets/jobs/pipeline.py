"""From samples to rows: check, rename, render, measure; in chunks, over processes if wanted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from egpo_verl.datasets.checks.check import check
from egpo_verl.datasets.checks.contamination import benchmarks_in
from egpo_verl.datasets.checks.duplicates import digest, signature
from egpo_verl.datasets.checks.length import LengthLimit
from egpo_verl.datasets.jobs.tally import Tally
from egpo_verl.datasets.jobs.workers import WorkerDied, mapped
from egpo_verl.datasets.parquet.kept import put_aside
from egpo_verl.datasets.parquet.rows import spelled, written
from egpo_verl.datasets.parquet.writer import batch_of
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.source import Source
from egpo_verl.datasets.tools.features import features_of_all
from egpo_verl.datasets.unusable import Unusable
from egpo_verl.errors import UserError

CHUNK = 50
"""Samples, or rows until it is known how much comes of one."""
LARGEST_CHUNK = 2000
PART_BYTES = 1 << 22
"""Of the rows that should come of a chunk: large enough that each costs little beside its rows."""
Numbered = tuple[int, Any]


@dataclass(frozen=True)
class Shape:
    """How rows are made and checked, each on its own.

    Attributes:
        call_form: a name of `egpo_verl.calls.FORMS`.
        think_in_prompt: the chat template opens `<think>` itself, for every prompt.
        limit: measures prompts, drops the long ones, and sees which of them the template ends in
            `<think>`; None to do none of that.
        benchmarks: files whose questions and tools must not be trained on.
        signatures: compute what near duplicates are found by.
        max_turns: longest dialogue, in messages; None for any.
    """

    call_form: str = "python"
    think_in_prompt: bool = False
    limit: LengthLimit | None = None
    benchmarks: tuple[Path, ...] = ()
    signatures: bool = False
    max_turns: int | None = None


class Made(NamedTuple):
    """What is known of a row that was made.

    Attributes:
        place: of its row in the source.
        calls, turns: how many calls are wanted, how many messages were said.
        tokens: length of the prompt; None if not measured.
        repairs: kind of repair -> arguments.
        renamed: a name had to change.
        offered, called: functions by the row's own names.
        digest, signature: what duplicates and near duplicates are found by.
    """

    place: int
    calls: int
    turns: int
    tokens: int | None
    repairs: Mapping[str, int]
    renamed: bool
    offered: tuple[str, ...]
    called: tuple[str, ...]
    digest: int
    signature: Any


@dataclass(frozen=True)
class Part:
    """What came of a chunk: rows as a batch, what is known of each, and the counts of others."""

    batch: pa.RecordBatch
    made: list[Made]
    tally: Tally


@dataclass(frozen=True)
class Filed:
    """A part whose rows lie in the file `path`, and take so many bytes in memory."""

    path: Path
    size: int
    made: list[Made]
    tally: Tally


def from_rows(source: Source, shape: Shape, chunk: list[Numbered]) -> Part:
    """Rows of a file, each with its place, to rows of ours."""
    samples = ((index, sample) for index, row in chunk for sample in source.samples(row))
    part = from_samples(shape, samples)
    part.tally.rows = len(chunk)
    return part


def _filed(source: Source, shape: Shape, folder: Path, chunk: list[Numbered]) -> Filed:
    """`from_rows`, for another process: rows go to a file, which is cheaper than sending them."""
    part = from_rows(source, shape, chunk)
    path = folder / f"{chunk[0][0]}.arrow"
    put_aside(part.batch, path)
    return Filed(path, part.batch.nbytes, part.made, part.tally)


def from_samples(shape: Shape, samples: Iterable[tuple[int, Sample | Unusable]]) -> Part:
    """Samples, each with the place of its row, to rows of ours."""
    tally, rows, made = Tally(), [], []
    for index, sample in samples:
        tally.samples += 1
        try:
            row, known = _row(index, sample, shape)
        except Unusable as problem:
            tally.drop(problem, index)
        else:
            rows.append(row)
            made.append(known)
    return Part(batch_of(rows), made, tally)


def _row(index: int, sample: Sample | Unusable, shape: Shape) -> tuple[dict[str, Any], Made]:
    if isinstance(sample, Unusable):
        raise sample
    if shape.max_turns is not None and len(sample.messages) > shape.max_turns:
        raise Unusable("too_many_turns", f"{len(sample.messages)} messages")
    if shape.benchmarks:
        benchmarks_in(shape.benchmarks).check(sample)
    checked = check(sample)
    kept, way_back = spelled(checked.sample, shape.call_form)
    row = written(kept, way_back, index, "train", shape.call_form, shape.think_in_prompt)
    measured = shape.limit.measured(row["prompt"]) if shape.limit else None
    if measured and measured.opened:
        row["extra_info"]["think_in_prompt"] = True
    known = Made(
        place=index,
        calls=len(kept.calls),
        turns=len(kept.messages),
        tokens=measured.tokens if measured else None,
        repairs=checked.repairs,
        renamed=bool(way_back.functions or way_back.parameters),
        offered=tuple([features.name for features in features_of_all(kept.tools)]),
        called=tuple([call.name for call in kept.calls]),
        digest=digest(sample),
        signature=signature(sample) if shape.signatures else None,
    )
    return row, known


class _Chunks:
    """Rows with their places, in chunks that give about `PART_BYTES` each.

    A dialogue of a hundred messages gives as many rows, each with all that was said before.
    """

    def __init__(self, rows: Iterable[Any]) -> None:
        self._numbered = iter(enumerate(rows))
        self._rows = CHUNK

    def __iter__(self) -> Iterator[list[Numbered]]:
        while chunk := list(islice(self._numbered, self._rows)):
            yield chunk

    def learn(self, part: Filed) -> None:
        """Choose the size of chunks that are still to come by what came of one."""
        fitting = part.tally.rows * PART_BYTES // max(1, part.size)
        self._rows = max(1, min(fitting, LARGEST_CHUNK))


def parts(
    source: Source, rows: Iterable[Any], shape: Shape, folder: Path, processes: int = 1
) -> Iterator[Filed]:
    """All parts of a file in its order, put aside in `folder`; a few chunks are in memory."""
    work = partial(_filed, source, shape, folder)
    chunks = _Chunks(rows)
    found = map(work, chunks) if processes < 2 else mapped(work, chunks, processes)
    try:
        for part in found:
            chunks.learn(part)
            yield part
    except WorkerDied as error:
        raise UserError(
            "a process of the job was killed, perhaps for want of memory; use fewer --num_proc."
        ) from error
