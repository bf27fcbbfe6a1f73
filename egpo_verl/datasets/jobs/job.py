"""One preprocessing job: a dataset's file, or generated tasks, to a folder of parquet files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from egpo_verl.cli import write_aside
from egpo_verl.datasets.checks.duplicates import Duplicates
from egpo_verl.datasets.jobs.keep import Keeper
from egpo_verl.datasets.jobs.pipeline import CHUNK, Part, Shape, from_samples, parts
from egpo_verl.datasets.jobs.report import CONTAMINATED, REPORT, Outcome, Section, reported
from egpo_verl.datasets.jobs.tally import Tally
from egpo_verl.datasets.parquet.kept import Kept
from egpo_verl.datasets.parquet.writer import ParquetOut
from egpo_verl.datasets.reading.files import Rows
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.selection.augment import Augmentation, augmented
from egpo_verl.datasets.selection.balance import balanced
from egpo_verl.datasets.selection.deal import Change, deal, with_split
from egpo_verl.datasets.selection.fence import Fence, held_out_tools
from egpo_verl.datasets.selection.ledger import Ledger
from egpo_verl.datasets.selection.split import Split, split_by_tools, split_randomly
from egpo_verl.datasets.source import Source
from egpo_verl.errors import UserError

SPLITS = ("train", "test", "test_hard")
OWNED = (*(f"{name}.parquet" for name in SPLITS), REPORT, CONTAMINATED)
"""Files that a job may write."""

Progress = Callable[[float], None]
"""Told the share of the work that is done, 0 to 1."""


@dataclass(frozen=True)
class Deal:
    """How kept rows are shared out.

    Attributes:
        test_size: share of the rows for the test file.
        split_by: one of `egpo_verl.datasets.selection.split.WAYS`.
        max_samples: at most so many rows in all, chosen at random; None for all.
        seed: of every choice.
        test_only: all rows go to the test file, as those of a benchmark should.
        duplicates: let rows in that say the same as an earlier one.
        near: overlap from which rows count as near duplicates; None to let those in.
        shares: kind of row -> its wanted share.
        augmentation: what is done to training rows.
    """

    test_size: float = 0.05
    split_by: str = "tool_set"
    max_samples: int | None = None
    seed: int = 0
    test_only: bool = False
    duplicates: bool = False
    near: float | None = None
    shares: Mapping[str, float] = field(default_factory=dict)
    augmentation: Augmentation = field(default_factory=Augmentation)


def convert_file(
    source: Source,
    rows: Rows,
    folder: Path,
    shape: Shape,
    dealing: Deal,
    processes: int = 1,
    progress: Progress = lambda share: None,
) -> list[Section]:
    """Write the parquet files and `report.md` to `folder`; returns the report.

    Raises:
        UserError: the rows or the folder are unfit, or no row survives; `folder` is unchanged.
    """
    with write_aside(folder, OWNED) as scratch:
        kept = Kept()
        keeper = Keeper(None if dealing.duplicates else Duplicates(dealing.near))
        for part in parts(source, rows, shape, scratch, processes):
            kept.add(part.path, keeper.take(part))
            progress(rows.fraction)
        tally = keeper.tally
        if not tally.kept:
            raise UserError(
                f"no row of {rows.path} can be used as {source.name}: {tally.why_nothing()}; "
                "`python -m egpo_verl.preprocess --help` lists the sources and their columns."
            )
        split = _split(keeper.ledger, dealing)
        pool = held_out_tools(kept, split, keeper.ledger)
        fence = Fence(split, keeper.ledger, pool, dealing.seed)
        written = deal(kept, split.files, scratch, _change(fence, split, dealing.augmentation))
        kept.clear()
        if not all(written.values()):
            raise UserError(
                "no function can be held out for the test file and leave rows to train on; "
                "use --split_by random."
            )
        outcome = Outcome(
            tally,
            written,
            unchosen=split.files.count("") - split.spanning,
            spanning=split.spanning + fence.emptied,
            taken=fence.taken,
            replaced=fence.replaced,
        )
        return reported(f"{source.name} from {rows.path.name}", outcome, scratch)


def _split(ledger: Ledger, dealing: Deal) -> Split:
    rows: Sequence[int] = range(len(ledger))
    if dealing.shares:
        rows = balanced(ledger, rows, dealing.shares, dealing.seed)
    if dealing.max_samples is not None and dealing.max_samples < len(rows):
        rows = sorted(Random(f"sample:{dealing.seed}").sample(rows, dealing.max_samples))
    if dealing.test_only:
        chosen = set(rows)
        return Split(["test" if row in chosen else "" for row in range(len(ledger))])
    way = split_by_tools if dealing.split_by == "tool_set" else split_randomly
    return way(ledger, rows, dealing.test_size, dealing.seed)


def _change(fence: Fence, split: Split, augmentation: Augmentation) -> Change | None:
    """What is done to rows on their way out; None for nothing, which spares reading them."""
    if not split.held_out and not augmentation:
        return None

    def augments(place: int) -> bool:
        return bool(augmentation) and split.files[place] == "train"

    def apply(row: dict[str, Any], place: int) -> dict[str, Any] | None:
        passed = fence.passed(row, place)
        return augmented(passed, augmentation) if passed and augments(place) else passed

    return Change(lambda place: augments(place) or bool(fence.foreign(place)), apply)


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
    with write_aside(folder, OWNED) as scratch:
        for number, (name, samples) in enumerate(splits.items()):
            keeper = Keeper(None)
            with ParquetOut(scratch / f"{name}.parquet") as output:
                for part in _sample_parts(samples, shape):
                    keeper.take(part)
                    if part.made:
                        output.add(with_split(part.batch, name))
            tally.add(keeper.tally)
            written[f"{name}.parquet"] = output.rows
            progress((number + 1) / len(splits))
        return reported(title, Outcome(tally, written), scratch)


def _sample_parts(samples: Iterable[Sample], shape: Shape) -> Iterator[Part]:
    numbered = iter(enumerate(samples))
    while chunk := list(islice(numbered, CHUNK)):
        part = from_samples(shape, chunk)
        part.tally.rows = len(chunk)
        yield part
