"""One preprocessing job: a dataset's file, or generated tasks, to a folder of parquet files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random

from egpo_verl.cli import write_aside
from egpo_verl.datasets.checks.duplicates import Duplicates
from egpo_verl.datasets.jobs.collect import Collection
from egpo_verl.datasets.jobs.convert import (
    CHUNK,
    Chunk,
    RowConfig,
    convert_chunks,
    convert_samples,
)
from egpo_verl.datasets.jobs.output import Edit, write_splits
from egpo_verl.datasets.jobs.report import CONTAMINATED, REPORT, JobResult, Section, write_report
from egpo_verl.datasets.jobs.stats import Stats
from egpo_verl.datasets.reading.files import Rows
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.selection.augment import Augmentation
from egpo_verl.datasets.selection.balance import balanced
from egpo_verl.datasets.selection.holdout import Holdout, held_out_tools
from egpo_verl.datasets.selection.index import RowIndex
from egpo_verl.datasets.selection.split import Split, split_by_tools, split_randomly
from egpo_verl.datasets.source import Source
from egpo_verl.errors import UserError

SPLITS = ("train", "test", "test_hard")
OUTPUTS = (*(f"{name}.parquet" for name in SPLITS), REPORT, CONTAMINATED)
"""Files that a job may write."""

Progress = Callable[[float], None]
"""Told the share of the work that is done, 0 to 1."""


@dataclass(frozen=True)
class SplitConfig:
    """Which rows are written, and to which file.

    Attributes:
        test_size: share of the rows for the test file.
        split_by: one of `egpo_verl.datasets.selection.split.WAYS`.
        max_samples: at most so many rows in all, chosen at random; None for all.
        seed: of every choice.
        test_only: all rows go to the test file, as those of a benchmark should.
        keep_duplicates: let rows in that say the same as an earlier one.
        near_duplicates: overlap from which rows count as near duplicates; None to let those in.
        shares: kind of row -> its share of the rows.
        augmentation: what is done to training rows.
    """

    test_size: float = 0.05
    split_by: str = "tool_set"
    max_samples: int | None = None
    seed: int = 0
    test_only: bool = False
    keep_duplicates: bool = False
    near_duplicates: float | None = None
    shares: Mapping[str, float] = field(default_factory=dict)
    augmentation: Augmentation = field(default_factory=Augmentation)


def convert_file(
    source: Source,
    rows: Rows,
    folder: Path,
    row_config: RowConfig,
    config: SplitConfig,
    processes: int = 1,
    progress: Progress = lambda share: None,
) -> list[Section]:
    """Write the parquet files and `report.md` to `folder`; returns the report.

    Raises:
        UserError: the rows or the folder are unfit, or no row survives; `folder` is unchanged.
    """
    with write_aside(folder, OUTPUTS) as scratch:
        duplicates = None if config.keep_duplicates else Duplicates(config.near_duplicates)
        collection = Collection(duplicates)
        for chunk in convert_chunks(source, rows, row_config, scratch, processes):
            collection.add(chunk)
            progress(rows.fraction)
        if not collection.stats.kept:
            raise UserError(
                f"no row of {rows.path} can be used as {source.name}: "
                f"{collection.stats.why_nothing()}; "
                "`python -m egpo_verl.preprocess --help` lists the sources and their columns."
            )
        result = _write(collection, scratch, config)
        if not all(result.written.values()):
            raise UserError(
                "no function can be held out for the test file and leave rows to train on; "
                "use --split_by random."
            )
        return write_report(f"{source.name} from {rows.path.name}", result, scratch)


def write_samples(
    title: str,
    splits: Mapping[str, Iterable[Sample]],
    folder: Path,
    row_config: RowConfig,
    progress: Progress = lambda share: None,
) -> list[Section]:
    """Write `NAME.parquet` for each entry of `splits`, and `report.md`; returns the report.

    Raises:
        UserError: `folder` cannot be written.
    """
    stats = Stats()
    written: dict[str, int] = {}
    with write_aside(folder, OUTPUTS) as scratch:
        for number, (name, samples) in enumerate(splits.items()):
            collection = Collection()
            for chunk in _sample_chunks(samples, row_config, scratch):
                collection.add(chunk)
            files = [name] * len(collection.index)
            written |= write_splits(collection.spool, files, scratch, {name: ()})
            collection.spool.remove()
            stats.add(collection.stats)
            progress((number + 1) / len(splits))
        return write_report(title, JobResult(stats, written), scratch)


def _write(collection: Collection, folder: Path, config: SplitConfig) -> JobResult:
    """Split the rows and write them; the spool is empty after that."""
    spool, index = collection.spool, collection.index
    split = _split(index, config)
    holdout = Holdout(split, index, held_out_tools(spool, split, index), config.seed)
    edits: dict[str, list[Edit]] = {
        name: [holdout] for name in ("train", "test") if name in split.files
    }
    if "train" in edits and config.augmentation:
        edits["train"].append(config.augmentation)
    written = write_splits(spool, split.files, folder, edits)
    spool.remove()
    return JobResult(
        collection.stats,
        written,
        not_chosen=split.files.count("") - split.spanning,
        spanning=split.spanning + holdout.emptied,
        removed_tools=holdout.removed,
        replaced_tools=holdout.replaced,
    )


def _split(index: RowIndex, config: SplitConfig) -> Split:
    rows: Sequence[int] = range(len(index))
    if config.shares:
        rows = balanced(index, rows, config.shares, config.seed)
    if config.max_samples is not None and config.max_samples < len(rows):
        rows = sorted(Random(f"sample:{config.seed}").sample(rows, config.max_samples))
    if config.test_only:
        chosen = set(rows)
        return Split(["test" if row in chosen else "" for row in range(len(index))])
    way = split_by_tools if config.split_by == "tool_set" else split_randomly
    return way(index, rows, config.test_size, config.seed)


def _sample_chunks(samples: Iterable[Sample], config: RowConfig, folder: Path) -> Iterator[Chunk]:
    numbered = iter(enumerate(samples))
    while batch := list(islice(numbered, CHUNK)):
        chunk = convert_samples(config, folder / f"{batch[0][0]}.arrow", batch)
        chunk.stats.rows = len(batch)
        yield chunk
