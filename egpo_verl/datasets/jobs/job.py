"""One preprocessing job: a dataset's file, or generated tasks, to a folder of parquet files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from egpo_verl.datasets.checks.contamination import benchmarks_in
from egpo_verl.datasets.checks.duplicates import Duplicates
from egpo_verl.datasets.checks.length import LengthLimit
from egpo_verl.datasets.demonstrations.files import DEMONSTRATED, PREFIX, demonstrate_splits
from egpo_verl.datasets.jobs.chunk import Chunk
from egpo_verl.datasets.jobs.collect import Collection
from egpo_verl.datasets.jobs.convert import CHUNK, convert_chunks, convert_samples
from egpo_verl.datasets.jobs.convert_sample import RowConfig
from egpo_verl.datasets.jobs.folder import holds_earlier_run, output_folder
from egpo_verl.datasets.jobs.output import Edit, Output, Written, write_splits
from egpo_verl.datasets.jobs.report import REPORT, Section
from egpo_verl.datasets.jobs.stats import Stats
from egpo_verl.datasets.jobs.summary import JobResult, write_report
from egpo_verl.datasets.jobs.trail import FILES, Trail
from egpo_verl.datasets.reading.files import Rows
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.selection.assign import SplitConfig, assign
from egpo_verl.datasets.selection.holdout import Holdout, held_out_tools
from egpo_verl.datasets.source import Source
from egpo_verl.errors import UserError

SPLITS = ("train", "test", "test_hard")
OUTPUTS = (
    *(f"{name}.parquet" for name in SPLITS),
    *(f"{PREFIX}{name}.parquet" for name in DEMONSTRATED),
    REPORT,
    *FILES,
)
"""Files that a job may write."""

Progress = Callable[[float], None]
"""Told the share of the work that is done, 0 to 1."""


def convert_file(
    source: Source,
    rows: Rows,
    output: Output,
    row_config: RowConfig,
    config: SplitConfig,
    processes: int = 1,
    progress: Progress = lambda share: None,
    test_rows: Rows | None = None,
) -> list[Section]:
    """Write the parquet files, and what is said of them, to a folder; returns the report.

    Args:
        test_rows: the test file, where it is the user's own and nothing is split.

    Raises:
        UserError: the rows or the folder are unfit, and the folder is unchanged; or no row is kept,
            and the report that says why is there, unless an earlier job's files are.
    """
    files = [rows] if test_rows is None else [test_rows, rows]
    inputs = _files_in([*(file.path for file in files), *row_config.benchmarks])
    with output_folder(output.folder, OUTPUTS, inputs, output.overwrite) as scratch:
        with Trail(scratch, rows.place) as trail:
            duplicates = None if config.keep_duplicates else Duplicates(config.near_duplicates)
            collection = Collection(trail, duplicates)
            for number, file in enumerate(files):
                trail.place = file.place
                spool = scratch / f"spool-{number}"
                spool.mkdir()
                for chunk in convert_chunks(source, file, row_config, spool, processes):
                    collection.add(chunk, in_test=file is test_rows)
                    progress((number + file.fraction) / len(files))
            collection.finish()
            if test_rows is not None:
                _need_both(collection.index.in_test, test_rows, rows)
            result = JobResult(collection.stats)
            if collection.stats.kept:
                result = _write(collection, scratch, config, row_config.limit)
            elif not collection.stats.rows or holds_earlier_run(output.folder):
                raise _nothing_kept(source, rows, collection.stats)
        for number in range(len(files)):
            (scratch / f"spool-{number}").rmdir()
        warnings = [warning for file in files for warning in file.warnings]
        listings = {str(file.path): file.listing for file in files if file.listing is not None}
        result = replace(
            result, warnings=[*warnings, *result.warnings], run=output.run, listings=listings
        )
        result = replace(result, demonstrated=demonstrate_splits(scratch, output.sft_seed))
        if row_config.benchmarks:
            result = replace(result, benchmarks=benchmarks_in(row_config.benchmarks).files)
        tables = write_report(f"{source.name} from {rows.path.name}", result, scratch)
    if not result.stats.kept:
        raise _nothing_kept(source, rows, result.stats, output.folder / REPORT)
    return tables


def _need_both(in_test: bytearray, test_rows: Rows, rows: Rows) -> None:
    for is_test, file in ((1, test_rows), (0, rows)):
        if is_test not in in_test:
            raise UserError(
                f"no row of {file.path} is left, so one of the two files would be empty; "
                "preprocess it alone with --test_size 0 to see why."
            )


def _nothing_kept(
    source: Source, rows: Rows, stats: Stats, report: Path | None = None
) -> UserError:
    counted = f"{report} counts all reasons" if report else "nothing was written"
    return UserError(
        f"no row of {rows.path} can be used as {source.name}: {stats.why_nothing()}; {counted}; "
        "`python -m egpo_verl.preprocess --help` lists the sources and their columns."
    )


def write_samples(
    title: str,
    splits: Mapping[str, Iterable[Sample]],
    output: Output,
    row_config: RowConfig,
    progress: Progress = lambda share: None,
) -> list[Section]:
    """Write `NAME.parquet` for each entry of `splits`, and `report.md`; returns the report.

    Raises:
        UserError: the folder cannot be written.
    """
    stats = Stats()
    written: dict[str, Written] = {}
    with output_folder(output.folder, OUTPUTS, overwrite=output.overwrite) as scratch:
        with Trail(scratch, lambda index: {"file": title}) as trail:
            for number, (name, samples) in enumerate(splits.items()):
                collection = Collection(trail)
                for chunk in _sample_chunks(samples, row_config, scratch):
                    collection.add(chunk)
                files = [name] * len(collection.index)
                spool, index = collection.spool, collection.index
                written |= write_splits(spool, index, files, scratch, {name: ()})
                spool.remove()
                stats.add(collection.stats)
                progress((number + 1) / len(splits))
        demonstrated = demonstrate_splits(scratch, output.sft_seed)
        result = JobResult(stats, written, run=output.run, demonstrated=demonstrated)
        return write_report(title, result, scratch)


def _files_in(paths: Sequence[Path]) -> list[Path]:
    """The files themselves, and all files below those that are folders."""
    below = [path.rglob("*") if path.is_dir() else [path] for path in paths]
    return [file for files in below for file in files if file.is_file()]


def _write(
    collection: Collection, folder: Path, config: SplitConfig, limit: LengthLimit | None
) -> JobResult:
    """Split the rows and write them; the spool is empty after that."""
    spool, index = collection.spool, collection.index
    split = assign(index, config)
    collection.leave_out(split.left_out, "spans_split")
    collection.leave_out(split.of_test_dialogues, "test_dialogue")
    holdout = Holdout(split, index, held_out_tools(spool, split, index), config.seed)
    edits: dict[str, list[Edit]] = {
        name: [holdout] for name in ("train", "test") if name in split.files
    }
    if "train" in edits and config.augmentation:
        edits["train"].append(config.augmentation)
    written = write_splits(spool, index, split.files, folder, edits, limit)
    spool.remove()
    lengthened = [place for file in written.values() for place in file.too_long]
    collection.leave_out(lengthened, "too_long")
    return JobResult(
        collection.stats,
        written,
        not_chosen=split.files.count("") - len(split.left_out) - len(split.of_test_dialogues),
        spanning=len(split.left_out) + holdout.emptied,
        of_test_dialogues=len(split.of_test_dialogues),
        lengthened=len(lengthened),
        removed_tools=holdout.removed,
        replaced_tools=holdout.replaced,
        split_by=split.way,
        warnings=[split.warning] if split.warning else [],
    )


def _sample_chunks(samples: Iterable[Sample], config: RowConfig, folder: Path) -> Iterator[Chunk]:
    numbered = iter(enumerate(samples))
    while batch := list(islice(numbered, CHUNK)):
        stats = Stats(rows=len(batch))
        yield convert_samples(config, folder / f"{batch[0][0]}.arrow", batch, stats)
