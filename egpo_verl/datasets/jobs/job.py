"""One preprocessing job: a dataset's file, or generated tasks, to a folder of parquet files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path

from egpo_verl.datasets.checks.contamination import benchmarks_in
from egpo_verl.datasets.checks.duplicates import Duplicates
from egpo_verl.datasets.jobs.collect import Collection
from egpo_verl.datasets.jobs.convert import (
    CHUNK,
    Chunk,
    RowConfig,
    convert_chunks,
    convert_samples,
)
from egpo_verl.datasets.jobs.folder import output_folder
from egpo_verl.datasets.jobs.output import Edit, write_splits
from egpo_verl.datasets.jobs.report import (
    CONTAMINATED,
    DROPPED,
    REPAIRED,
    REPORT,
    JobResult,
    Section,
    write_report,
)
from egpo_verl.datasets.jobs.stats import Stats
from egpo_verl.datasets.reading.files import Rows
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.selection.assign import SplitConfig, assign
from egpo_verl.datasets.selection.holdout import Holdout, held_out_tools
from egpo_verl.datasets.source import Source
from egpo_verl.errors import UserError

SPLITS = ("train", "test", "test_hard")
OUTPUTS = (*(f"{name}.parquet" for name in SPLITS), REPORT, CONTAMINATED, DROPPED, REPAIRED)
"""Files that a job may write."""

Progress = Callable[[float], None]
"""Told the share of the work that is done, 0 to 1."""


def convert_file(
    source: Source,
    rows: Rows,
    folder: Path,
    row_config: RowConfig,
    config: SplitConfig,
    processes: int = 1,
    progress: Progress = lambda share: None,
    overwrite: bool = False,
    test_rows: Rows | None = None,
) -> list[Section]:
    """Write the parquet files and `report.md` to `folder`; returns the report.

    Args:
        test_rows: the test file, where it is the user's own and nothing is split.
        overwrite: replace files in `folder` though no earlier job wrote them.

    Raises:
        UserError: the rows or the folder are unfit, or no row survives; `folder` is unchanged.
    """
    sources = [rows] if test_rows is None else [test_rows, rows]
    paths = [*(source_rows.path for source_rows in sources), *row_config.benchmarks]
    inputs = [file for path in paths for file in _files_in(path)]
    with output_folder(folder, OUTPUTS, inputs, overwrite) as scratch:
        duplicates = None if config.keep_duplicates else Duplicates(config.near_duplicates)
        collection = Collection(duplicates)
        for number, part in enumerate(sources):
            spool = scratch / f"spool-{number}"
            spool.mkdir()
            for chunk in convert_chunks(source, part, row_config, spool, processes):
                collection.add(chunk, in_test=part is test_rows)
                progress((number + part.fraction) / len(sources))
        if not collection.stats.kept:
            raise UserError(
                f"no row of {rows.path} can be used as {source.name}: "
                f"{collection.stats.why_nothing()}; "
                "`python -m egpo_verl.preprocess --help` lists the sources and their columns."
            )
        result = _write(collection, scratch, config)
        for number in range(len(sources)):
            (scratch / f"spool-{number}").rmdir()
        if not all(result.written.values()):
            raise UserError(
                "no function can be held out for the test file and leave rows to train on; "
                "use --split_by random."
            )
        if row_config.benchmarks:
            files = benchmarks_in(row_config.benchmarks).files
            result = replace(result, benchmarks=files)
        return write_report(f"{source.name} from {rows.path.name}", result, scratch)


def write_samples(
    title: str,
    splits: Mapping[str, Iterable[Sample]],
    folder: Path,
    row_config: RowConfig,
    progress: Progress = lambda share: None,
    overwrite: bool = False,
) -> list[Section]:
    """Write `NAME.parquet` for each entry of `splits`, and `report.md`; returns the report.

    Raises:
        UserError: `folder` cannot be written.
    """
    stats = Stats()
    written: dict[str, int] = {}
    with output_folder(folder, OUTPUTS, overwrite=overwrite) as scratch:
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


def _files_in(path: Path) -> Iterator[Path]:
    """The file itself, or all files below a folder."""
    yield from (file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


def _write(collection: Collection, folder: Path, config: SplitConfig) -> JobResult:
    """Split the rows and write them; the spool is empty after that."""
    spool, index = collection.spool, collection.index
    split = assign(index, config)
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
        not_chosen=split.files.count("") - split.left_out,
        spanning=split.left_out + holdout.emptied,
        removed_tools=holdout.removed,
        replaced_tools=holdout.replaced,
    )


def _sample_chunks(samples: Iterable[Sample], config: RowConfig, folder: Path) -> Iterator[Chunk]:
    numbered = iter(enumerate(samples))
    while batch := list(islice(numbered, CHUNK)):
        stats = Stats(rows=len(batch))
        yield convert_samples(config, folder / f"{batch[0][0]}.arrow", batch, stats)
