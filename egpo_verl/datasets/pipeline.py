"""From samples to rows: check, rename, render, measure; in chunks, over processes if wanted."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing import get_context
from typing import Any

import pyarrow as pa

from egpo_verl.datasets.check import check
from egpo_verl.datasets.errors import Unusable
from egpo_verl.datasets.length import LengthLimit
from egpo_verl.datasets.rows import to_row
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.source import Source
from egpo_verl.datasets.tally import Tally
from egpo_verl.datasets.writer import batch_of

CHUNK = 500
Numbered = tuple[int, Any]


@dataclass(frozen=True)
class Shape:
    """How rows are written.

    Attributes:
        call_form: a name of `egpo_verl.calls.FORMS`.
        think_in_prompt: the chat template opens `<think>` itself.
        limit: measures prompts and drops the long ones; None to do neither.
    """

    call_form: str = "python"
    think_in_prompt: bool = False
    limit: LengthLimit | None = None


@dataclass(frozen=True)
class Part:
    """What came of a chunk: its kept rows, and the counts."""

    batch: pa.RecordBatch
    tally: Tally


def from_rows(source: Source, shape: Shape, chunk: list[Numbered]) -> Part:
    """Rows of a file, each with its position, to kept rows."""
    samples = [(index, sample) for index, row in chunk for sample in source.samples(row)]
    part = from_samples(shape, samples)
    part.tally.rows = len(chunk)
    return part


def from_samples(shape: Shape, samples: Iterable[tuple[int, Sample | Unusable]]) -> Part:
    """Samples, each with the position of its row, to kept rows."""
    tally, rows = Tally(), []
    for index, sample in samples:
        tally.samples += 1
        try:
            rows.append(_row(index, sample, shape, tally))
        except Unusable as problem:
            tally.drop(problem)
    return Part(batch_of(rows), tally)


def _row(index: int, sample: Sample | Unusable, shape: Shape, tally: Tally) -> dict[str, Any]:
    if isinstance(sample, Unusable):
        raise sample
    checked = check(sample)
    row = to_row(checked.sample, index, "train", shape.call_form, shape.think_in_prompt)
    if shape.limit is not None:
        tally.tokens[shape.limit.measured(row["prompt"])] += 1
    tally.kept += 1
    tally.repaired += bool(checked.repairs)
    tally.renamed += row["extra_info"]["renamed"] != "{}"
    tally.repairs.update(checked.repairs)
    tally.calls[len(checked.sample.calls)] += 1
    tally.turns[len(checked.sample.messages)] += 1
    return row


def parts(source: Source, rows: Iterable[Any], shape: Shape, processes: int = 1) -> Iterator[Part]:
    """All parts of a file in its order; at most a few chunks are in memory."""
    work = partial(from_rows, source, shape)
    numbered = iter(enumerate(rows))
    chunks = iter(lambda: list(islice(numbered, CHUNK)), [])
    if processes < 2:
        yield from map(work, chunks)
        return
    # "spawn": a tokenizer's threads do not survive a fork.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        waiting: deque[Future[Part]] = deque()
        for chunk in chunks:
            waiting.append(pool.submit(work, chunk))
            if len(waiting) > 2 * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
