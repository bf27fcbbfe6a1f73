"""From samples to rows, in chunks, over processes if asked to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from egpo_verl.datasets.jobs.chunk import Chunk
from egpo_verl.datasets.jobs.convert_sample import RowConfig, convert_sample, turn_of
from egpo_verl.datasets.jobs.stats import Stats
from egpo_verl.datasets.jobs.structs import unmerged
from egpo_verl.datasets.jobs.trail import drop_line
from egpo_verl.datasets.jobs.workers import WorkerDied, map_in_processes
from egpo_verl.datasets.parquet.spool import write_chunk
from egpo_verl.datasets.parquet.writer import batch_of
from egpo_verl.datasets.sample import Sample, StructRow
from egpo_verl.datasets.selection.dialogues import Dialogues
from egpo_verl.datasets.source import Source
from egpo_verl.datasets.unusable import Unusable
from egpo_verl.errors import UserError

CHUNK = 50
"""Samples, or rows until it is known how much comes of one."""
LARGEST_CHUNK = 2000
CHUNK_BYTES = 1 << 22
"""Of the rows that should come of a chunk: large enough that each costs little beside its rows."""
Numbered = tuple[int, Any]


def convert_chunks(
    source: Source, rows: Iterable[Any], config: RowConfig, folder: Path, processes: int = 1
) -> Iterator[Chunk]:
    """All rows of a file in their order, spooled in `folder`; a few chunks are in memory."""
    work = partial(convert_rows, source, config, folder)
    row_chunks = _RowChunks(rows)
    chunks = (
        map(work, row_chunks) if processes < 2 else map_in_processes(work, row_chunks, processes)
    )
    try:
        for chunk in chunks:
            row_chunks.learn(chunk)
            yield chunk
    except WorkerDied as error:
        raise UserError(
            "a process of the job was killed, probably for lack of memory; use fewer --num_proc."
        ) from error


def convert_rows(source: Source, config: RowConfig, folder: Path, rows: list[Numbered]) -> Chunk:
    """Rows of a file, each with its place, converted and spooled in `folder`."""
    stats = Stats(rows=len(rows))
    samples = (
        (index, _unmerged(sample, stats) if isinstance(row, StructRow) else sample)
        for index, row in rows
        for sample in source.samples(row)
    )
    return convert_samples(config, folder / f"{rows[0][0]}.arrow", samples, stats)


def _unmerged(sample: Sample | Unusable, stats: Stats) -> Sample | Unusable:
    """A sample of a row whose structs Arrow merged, as it was before."""
    if isinstance(sample, Unusable):
        return sample
    try:
        separate = unmerged(sample)
    except Unusable as problem:
        turn = turn_of(sample)
        return problem if turn is None else problem.at(turn=turn)
    stats.unmerged += separate is not sample
    return separate


def convert_samples(
    config: RowConfig,
    path: Path,
    samples: Iterable[tuple[int, Sample | Unusable]],
    stats: Stats,
) -> Chunk:
    """Samples, each with the place of its row, converted and spooled in the file `path`.

    Args:
        stats: what is known of the chunk so far; the samples are counted there.
    """
    rows, infos, dropped = [], [], []
    dialogues, entered = Dialogues(), -1
    for index, sample in samples:
        stats.samples += 1
        try:
            if isinstance(sample, Unusable):
                raise sample
            made = convert_sample(index, sample, config, index != entered)
        except Unusable as problem:
            stats.drop(problem)
            turn = turn_of(sample) if isinstance(sample, Sample) else None
            dropped.append(drop_line(problem, index, turn))
        else:
            rows.append(made.row)
            infos.append(made.info)
            if made.dialogue is not None:
                dialogues.add(index, made.dialogue)
                entered = index
    batch = batch_of(rows)
    write_chunk(batch, path)
    return Chunk(path, batch.nbytes, infos, dialogues, dropped, stats)


class _RowChunks:
    """Rows with their places, in chunks of which about `CHUNK_BYTES` each should come.

    A dialogue of a hundred messages gives as many rows, each with all that was said before.
    """

    def __init__(self, rows: Iterable[Any]) -> None:
        self._numbered = iter(enumerate(rows))
        self._rows = CHUNK

    def __iter__(self) -> Iterator[list[Numbered]]:
        while chunk := list(islice(self._numbered, self._rows)):
            yield chunk

    def learn(self, chunk: Chunk) -> None:
        """Choose the size of chunks that are still to come by what came of one."""
        rows = chunk.stats.rows * CHUNK_BYTES // max(1, chunk.size)
        self._rows = max(1, min(rows, LARGEST_CHUNK))
