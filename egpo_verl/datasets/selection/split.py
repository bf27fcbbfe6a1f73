"""Rows split into train and test: at random, or so that no tool of the test is trained on."""

from __future__ import annotations

import random
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from egpo_verl.datasets.selection.index import RowIndex
from egpo_verl.errors import UserError

WAYS = ("tool_set", "random")
NAMES = ("", "train", "test")
TRAIN, TEST = 1, 2


@dataclass(frozen=True)
class Split:
    """Which file gets which row.

    Attributes:
        files: for each row of the index "train", "test" or "" for neither.
        held_out: numbers of the functions that only the test file may offer.
        spanning: rows left out because they call functions of both sides.
    """

    files: list[str]
    held_out: frozenset[int] = frozenset()
    spanning: int = 0


def split_randomly(index: RowIndex, rows: Sequence[int], test_size: float, seed: int) -> Split:
    """A share `test_size` (0 to 1) of `rows` to the test file, at least one to each file."""
    _need_two(rows)
    size = min(max(1, round(test_size * len(rows))), len(rows) - 1)
    files = [""] * len(index)
    for row in rows:
        files[row] = "train"
    for row in random.Random(f"split:{seed}").sample(rows, size):
        files[row] = "test"
    return Split(files)


def split_by_tools(index: RowIndex, rows: Sequence[int], test_size: float, seed: int) -> Split:
    """Hold functions out: what a test row offers or calls, no train row offers or calls.

    Dialogues stay whole. The rows that call the rarest functions are held out first, since few
    others are lost with them; a row that calls functions of both sides goes to neither file.
    Functions that are only offered on the wrong side have to be taken away when the rows are
    written: `held_out` tells which.

    Raises:
        UserError: there is no way to hold out any row.
    """
    _need_two(rows)
    chooser = random.Random(f"split:{seed}")
    groups = _Groups(index, rows)
    without_calls = [group for group in range(len(groups)) if not groups.called(group)]
    test = set(chooser.sample(without_calls, round(test_size * len(without_calls))))
    rows_with_calls = len(rows) - sum(map(groups.size, without_calls))
    held_out = _held_out(groups, max(1, round(test_size * rows_with_calls)), chooser)
    sides = bytearray(len(groups))
    trained: set[int] = set()
    for group in range(len(groups)):
        called = groups.called(group)
        if group in test or (called and called <= held_out):
            sides[group] = TEST
        elif not called & held_out:
            sides[group] = TRAIN
            trained |= called
    if TRAIN not in sides or TEST not in sides:
        raise UserError(
            "no functions can be held out for the test file, since the same ones are called "
            "everywhere; use --split_by random."
        )
    files = [""] * len(index)
    spanning = 0
    for group, side in enumerate(sides):
        if side == TEST:
            held_out |= groups.offered(group) - trained
        spanning += 0 if side else groups.size(group)
        for row in groups.rows(group):
            files[row] = NAMES[side]
    return Split(files, frozenset(held_out), spanning)


class _Groups:
    """Rows of one dialogue stand together and stay together; kept as ranges, not as lists."""

    def __init__(self, index: RowIndex, rows: Sequence[int]) -> None:
        self._index = index
        self._rows = rows
        self._starts = array("Q")
        last = None
        for place, row in enumerate(rows):
            if index.groups[row] != last:
                last = index.groups[row]
                self._starts.append(place)
        self._starts.append(len(rows))

    def __len__(self) -> int:
        return len(self._starts) - 1

    def size(self, group: int) -> int:
        return self._starts[group + 1] - self._starts[group]

    def rows(self, group: int) -> Sequence[int]:
        return self._rows[self._starts[group] : self._starts[group + 1]]

    def called(self, group: int) -> set[int]:
        return {tool for row in self.rows(group) for tool in self._index.called[row]}

    def offered(self, group: int) -> set[int]:
        return {tool for row in self.rows(group) for tool in self._index.offered[row]}


def _held_out(groups: _Groups, size: int, chooser: random.Random) -> set[int]:
    """Functions such that about `size` rows call nothing else, and few call others as well."""
    callers: dict[int, array[int]] = defaultdict(lambda: array("I"))
    missing = array("I", bytes(array("I").itemsize * len(groups)))
    for group in range(len(groups)):
        called = groups.called(group)
        missing[group] = len(called)
        for tool in called:
            callers[tool].append(group)
    held_out: set[int] = set()
    inside = 0
    for group in _rarest_first(groups, callers, chooser):
        new = groups.called(group) - held_out
        if not new:
            continue
        gained = Counter(other for tool in new for other in callers[tool])
        gain = sum(groups.size(other) for other, n in gained.items() if missing[other] == n)
        if inside and inside + gain > 1.5 * size:
            continue
        held_out |= new
        inside += gain
        for other, count in gained.items():
            missing[other] -= count
        if inside >= size:
            break
    return held_out


def _rarest_first(
    groups: _Groups, callers: Mapping[int, Sequence[int]], chooser: random.Random
) -> Iterator[int]:
    """Groups whose functions are called about equally often come in random order."""
    calls = (
        sum(len(callers[tool]) for tool in groups.called(group)) for group in range(len(groups))
    )
    levels = bytes(count.bit_length() for count in calls)
    for level in range(max(levels) + 1):
        alike = array("I", (group for group, its in enumerate(levels) if its == level))
        chooser.shuffle(alike)
        yield from alike


def _need_two(rows: Sequence[int]) -> None:
    if len(rows) < 2:
        raise UserError(
            f"only {len(rows)} row is left, too few for a train and a test file; "
            "give more rows or a larger --max_samples."
        )
