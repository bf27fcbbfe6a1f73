"""One preprocessing job: a dataset's file, or generated tasks, to a folder of parquet files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from egpo_verl.datasets.deal import deal, deal_randomly, with_split
from egpo_verl.datasets.errors import UserError
from egpo_verl.datasets.pipeline import CHUNK, Part, Shape, from_samples, parts
from egpo_verl.datasets.report import Section, markdown, sections
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.source import Source
from egpo_verl.datasets.tally import Tally
from egpo_verl.datasets.writer import ParquetOut, aside

Progress = Callable[[float], None]
"""Told the share of the work that is done, 0 to 1."""


@dataclass(frozen=True)
class Deal:
    """How kept rows are shared out.

    Attributes:
        test_size: share of the rows for the test file.
        max_samples: at most so many rows in all, chosen at random; None for all.
        seed: of the choice.
        test_only: all rows go to the test file, as those of a benchmark should.
    """

    test_size: float = 0.05
    max_samples: int | None = None
    seed: int = 0
    test_only: bool = False


def convert_file(
    source: Source,
    path: Path,
    folder: Path,
    shape: Shape,
    dealing: Deal,
    processes: int = 1,
    progress: Progress = lambda share: None,
) -> list[Section]:
    """Write the parquet files and `report.md` to `folder`; returns the report.

    Raises:
        UserError: the file or the folder is unfit, or no row survives; `folder` is unchanged.
    """
    rows = source.rows(path)
    tally = Tally()
    with aside(folder) as scratch:
        kept = scratch / "kept.parquet"
        with ParquetOut(kept) as output:
            for part in parts(source, rows, shape, processes):
                output.add(part.batch)
                tally.add(part.tally)
                progress(rows.fraction)
        if not tally.kept:
            raise UserError(
                f"no row of {path} can be used as {source.name}: {tally.why_nothing()}; "
                "`python -m egpo_verl.preprocess --help` lists the sources and their columns."
            )
        if dealing.test_only:
            files = ["test"] * tally.kept
        else:
            files = deal_randomly(tally.kept, dealing.test_size, dealing.max_samples, dealing.seed)
        written = deal(kept, files, scratch)
        kept.unlink()
        return _reported(f"{source.name} from {path.name}", tally, written, scratch)


def write_samples(
    title: str,
    splits: Mapping[str, Iterable[Sample]],
    folder: Path,
    shape: Shape,
    progress: Progress = lambda share: None,
) -> list[Section]:
    """Write `NAME.parquet` for each entry of `splits`, and `report.md`; returns the report.

    Raises:
        UserError: `folder` cannot be written.
    """
    tally = Tally()
    written = {}
    with aside(folder) as scratch:
        for number, (name, samples) in enumerate(splits.items()):
            with ParquetOut(scratch / f"{name}.parquet") as output:
                for part in _sample_parts(samples, shape):
                    if part.batch.num_rows:
                        output.add(with_split(part.batch, name))
                    tally.add(part.tally)
            written[f"{name}.parquet"] = output.rows
            progress((number + 1) / len(splits))
        return _reported(title, tally, written, scratch)


def _sample_parts(samples: Iterable[Sample], shape: Shape) -> Iterator[Part]:
    numbered = iter(enumerate(samples))
    while chunk := list(islice(numbered, CHUNK)):
        part = from_samples(shape, chunk)
        part.tally.rows = len(chunk)
        yield part


def _reported(title: str, tally: Tally, written: dict[str, int], folder: Path) -> list[Section]:
    found = sections(tally, written)
    (folder / "report.md").write_text(markdown(f"Preprocessed: {title}", found), "utf-8")
    return found
