"""Rows split into train and test: at random, or so that no tool of the test is trained on."""

from __future__ import annotations

import random
from array import array
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from egpo_verl.datasets.selection.groups import Groups
from egpo_verl.datasets.selection.index import RowIndex
from egpo_verl.errors import UserError

NAMES = ("", "train", "test")
TRAIN, TEST = 1, 2


@dataclass(frozen=True)
class Split:
    """Which file gets which row.

    Attributes:
        files: for each row of the index "train", "test" or "" for neither.
        way: how the rows were split, for the report.
        held_out: numbers of the functions that only the test file may offer.
        left_out: rows that need functions of both sides, and so are in neither file.
        of_test_dialogues: rows of a dialogue that the user's test file has, and so are in neither.
        warning: a sentence that the user should read, or empty.
    """

    files: list[str]
    way: str
    held_out: frozenset[int] = frozenset()
    left_out: Sequence[int] = ()
    of_test_dialogues: Sequence[int] = ()
    warning: str = ""


def split_randomly(index: RowIndex, rows: Sequence[int], test_size: float, seed: int) -> Split:
    """A share `test_size` (0 to 1) of `rows` to the test file, at least one dialogue to each.

    Dialogues stay whole, so that no test row stands in the history of a training row. The test file
    gets no more than its share, unless its one dialogue is larger.

    Raises:
        UserError: there are no two dialogues.
    """
    groups = Groups(index, rows)
    _need_two(groups)
    size = min(max(1, round(test_size * len(rows))), len(rows) - 1)
    order = array("I", range(len(groups)))
    random.Random(f"split:{seed}").shuffle(order)
    files = [""] * len(index)
    for row in rows:
        files[row] = "train"
    rows_left, groups_left = size, len(groups) - 1
    chosen = array("I")
    for group in order:
        if not rows_left:
            break
        if groups_left and groups.size(group) <= rows_left:
            rows_left -= groups.size(group)
            groups_left -= 1
            chosen.append(group)
    for group in chosen or [min(order, key=groups.size)]:
        for row in groups.rows(group):
            files[row] = "test"
    return Split(files, "random")


def split_by_tools(index: RowIndex, rows: Sequence[int], test_size: float, seed: int) -> Split:
    """Hold functions out: what a test row offers or calls, no train row offers or calls.

    Dialogues stay whole. The rows that call the rarest functions are held out first, since few
    others are lost with them; a row that calls functions of both sides goes to neither file.
    Functions that are only offered on the wrong side have to be taken away when the rows are
    written: `held_out` tells which.

    Raises:
        UserError: there is no way to hold out any row.
    """
    groups = Groups(index, rows)
    _need_two(groups)
    chooser = random.Random(f"split:{seed}")
    without_calls = [group for group in range(len(groups)) if not groups.called(group)]
    rows_with_calls = len(rows) - sum(map(groups.size, without_calls))
    held_out = _held_out(groups, max(1, round(test_size * rows_with_calls)), chooser)
    count = round(test_size * len(without_calls))
    if len(without_calls) == len(groups):
        count = min(max(1, count), len(groups) - 1)
    test = _without_calls(groups, without_calls, count, held_out, chooser)
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
        raise _nothing_to_hold_out()
    for group, side in enumerate(sides):
        if side == TEST:
            held_out |= groups.offered(group) - trained
    files = [""] * len(index)
    for group, side in enumerate(sides):
        for row in groups.rows(group):
            if side == TEST or _is_left(index.offered[row], held_out):
                files[row] = NAMES[side]
    if not held_out or not {"train", "test"} <= set(files):
        raise _nothing_to_hold_out()
    left_out = array("I", (row for row in rows if not files[row]))
    return Split(files, "tool_set", frozenset(held_out), left_out)


def _is_left(offered: Collection[int], held_out: set[int]) -> bool:
    """Whether a row offers anything when what is held out is taken away."""
    return not offered or not held_out.issuperset(offered)


def _without_calls(
    groups: Groups, candidates: list[int], count: int, held_out: set[int], chooser: random.Random
) -> set[int]:
    """So many test groups without calls, first of those that offer nothing to train with."""
    order = chooser.sample(candidates, len(candidates))
    order.sort(key=lambda group: _is_left(groups.offered(group), held_out))
    return set(order[:count])


def _held_out(groups: Groups, size: int, chooser: random.Random) -> set[int]:
    """Functions such that about `size` rows call nothing else, and few call others as well.

    Where there are several functions, some rows that call stay outside.
    """
    callers: dict[int, array[int]] = defaultdict(lambda: array("I"))
    missing = array("I", bytes(array("I").itemsize * len(groups)))
    for group in range(len(groups)):
        called = groups.called(group)
        missing[group] = len(called)
        for tool in called:
            callers[tool].append(group)
    rows_with_calls = sum(groups.size(group) for group, count in enumerate(missing) if count)
    held_out: set[int] = set()
    inside = 0
    for group in _rarest_first(groups, callers, chooser):
        new = groups.called(group) - held_out
        if not new:
            continue
        gained = Counter(other for tool in new for other in callers[tool])
        gain = sum(groups.size(other) for other, n in gained.items() if missing[other] == n)
        if inside and (inside + gain > 1.5 * size or inside + gain == rows_with_calls):
            continue
        held_out |= new
        inside += gain
        for other, count in gained.items():
            missing[other] -= count
        if inside >= size:
            break
    return held_out


def _rarest_first(
    groups: Groups, callers: Mapping[int, Sequence[int]], chooser: random.Random
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


def _need_two(groups: Groups) -> None:
    if len(groups) < 2:
        raise UserError(
            f"only {len(groups)} row or dialogue is left, too few for a train and a test file; "
            "give more rows or a larger --max_samples, or write no test file by --test_size 0."
        )


def _nothing_to_hold_out() -> UserError:
    return UserError(
        "no functions can be held out for the test file, since the same ones are called or offered "
        "everywhere; use --split_by random."
    )
