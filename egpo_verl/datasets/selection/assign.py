"""Which row is written to which file: shares, number of rows, and the split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random

from egpo_verl.datasets.selection.augment import Augmentation
from egpo_verl.datasets.selection.balance import Share, balanced
from egpo_verl.datasets.selection.index import RowIndex
from egpo_verl.datasets.selection.split import Split, split_by_tools, split_randomly
from egpo_verl.errors import UserError

WAYS = ("auto", "tool_set", "random")
MOST_LEFT_OUT = 0.1
"""Share of the rows from which on a split leaves out much."""


@dataclass(frozen=True)
class SplitConfig:
    """Which rows are written, and to which file.

    Attributes:
        test_size: share of the rows for the test file, 0 for no such file.
        split_by: one of `WAYS`.
        max_samples: at most so many rows in all, chosen at random; None for all.
        seed: of every choice.
        test_only: all rows go to the test file, as those of a benchmark should.
        keep_duplicates: let rows in that say the same as an earlier one.
        near_duplicates: overlap from which rows count as near duplicates; None to let those in.
        shares: what kinds of rows make of all.
        augmentation: what is done to training rows.
    """

    test_size: float = 0.05
    split_by: str = WAYS[0]
    max_samples: int | None = None
    seed: int = 0
    test_only: bool = False
    keep_duplicates: bool = False
    near_duplicates: float | None = None
    shares: Sequence[Share] = ()
    augmentation: Augmentation = field(default_factory=Augmentation)


def assign(index: RowIndex, config: SplitConfig) -> Split:
    """Choose rows and split them; raises `UserError` where that cannot be done.

    Rows of the user's test file stay test rows, and all others are training rows then, but for
    those of the same dialogues.
    """
    rows: Sequence[int] = [row for row in range(len(index)) if not index.in_test[row]]
    has_test_file = len(rows) < len(index)
    of_test_dialogues: Sequence[int] = []
    if has_test_file and not config.test_only:
        rows, of_test_dialogues = _without_test_dialogues(index, rows)
    if config.shares:
        rows = balanced(index, rows, config.shares, config.seed)
    if config.max_samples is not None and config.max_samples < len(rows):
        rows = sorted(Random(f"sample:{config.seed}").sample(rows, config.max_samples))
    if config.test_only:
        return _all_in(index, rows, "test", "none: a benchmark is for testing")
    if has_test_file:
        split = _all_in(index, rows, "train", "none: the test file is your own")
        return replace(split, of_test_dialogues=of_test_dialogues)
    if config.test_size == 0:
        return _all_in(index, rows, "train", "none")
    return _split(index, rows, config)


def _without_test_dialogues(index: RowIndex, rows: Sequence[int]) -> tuple[list[int], list[int]]:
    """The rows of dialogues that the test file has not, and those of dialogues that it has."""
    test_dialogues = {index.dialogue(row) for row, in_test in enumerate(index.in_test) if in_test}
    parts: tuple[list[int], list[int]] = [], []
    for row in rows:
        parts[index.dialogue(row) in test_dialogues].append(row)
    if not parts[0]:
        raise UserError(
            "every training row is of a dialogue of the test file, so none is left to train on; "
            "give a test file of other dialogues, or leave --local_test_path out."
        )
    return parts


def _all_in(index: RowIndex, rows: Sequence[int], name: str, way: str) -> Split:
    files = ["test" if in_test else "" for in_test in index.in_test]
    for row in rows:
        files[row] = name
    return Split(files, way)


def _split(index: RowIndex, rows: Sequence[int], config: SplitConfig) -> Split:
    """By tools where that leaves out few rows, otherwise by dialogues, unless told which."""
    if config.split_by == "random":
        return split_randomly(index, rows, config.test_size, config.seed)
    try:
        split = split_by_tools(index, rows, config.test_size, config.seed)
    except UserError:
        if config.split_by == "tool_set":
            raise
        reason = "no tools can be held out for the test file"
    else:
        count = len(split.left_out)
        lost = f"{count:,} of {len(rows):,} rows ({count / len(rows):.0%})"
        if count <= MOST_LEFT_OUT * len(rows):
            return split
        if config.split_by == "tool_set":
            warning = (
                f"The split by tools leaves out {lost}, which call tools of both sides, or offer "
                "none of their own side; --split_by random keeps them, and keeps every dialogue on "
                "one side."
            )
            return replace(split, warning=warning)
        reason = f"holding tools out for the test file would leave out {lost}"
    split = split_randomly(index, rows, config.test_size, config.seed)
    warning = (
        f"The rows share most of their tools: {reason}, so whole dialogues were split at random "
        "and tools of the test are trained on. --split_by tool_set holds tools out all the same."
    )
    return replace(split, warning=warning)
