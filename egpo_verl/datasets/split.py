"""Rows dealt to the train and the test file: at random, or so that no test tool is trained on."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from egpo_verl.datasets.errors import UserError
from egpo_verl.datasets.ledger import Ledger

WAYS = ("tool_set", "random")


@dataclass(frozen=True)
class Split:
    """Which file gets which row.

    Attributes:
        files: for each row of the ledger "train", "test" or "" for neither.
        held_out: numbers of the functions that only the test file may offer.
        spanning: rows left out because they call functions of both sides.
    """

    files: list[str]
    held_out: frozenset[int] = frozenset()
    spanning: int = 0


def split_randomly(ledger: Ledger, rows: Sequence[int], test_size: float, seed: int) -> Split:
    """A share `test_size` (0 to 1) of `rows` to the test file, at least one to each file."""
    _need_two(rows)
    wanted = min(max(1, round(test_size * len(rows))), len(rows) - 1)
    files = [""] * len(ledger)
    for row in rows:
        files[row] = "train"
    for row in random.Random(f"split:{seed}").sample(rows, wanted):
        files[row] = "test"
    return Split(files)


def split_by_tools(ledger: Ledger, rows: Sequence[int], test_size: float, seed: int) -> Split:
    """Hold functions out: what a test row offers or calls, no train row offers or calls.

    Dialogues stay whole. The rows that call the rarest functions are held out first, since few
    others are lost with them; a row that calls functions of both sides goes to neither file.
    Functions that are only offered on the wrong side have to be taken away when the rows are
    written: `held_out` tells which.

    Raises:
        UserError: there is no way to hold out any row.
    """
    _need_two(rows)
    groups = _groups(ledger, rows)
    chooser = random.Random(f"split:{seed}")
    silent = [key for key, group in groups.items() if not group.called]
    test = set(chooser.sample(silent, round(test_size * len(silent))))
    spoken = {key: group for key, group in groups.items() if group.called}
    wanted = max(1, round(test_size * sum(len(group.rows) for group in spoken.values())))
    held = _held_out(spoken, wanted, chooser)
    test |= {key for key, group in spoken.items() if group.called <= held}
    train = {key for key, group in groups.items() if key not in test and not group.called & held}
    trained = {tool for key in train for tool in groups[key].called}
    for key in test:
        held |= groups[key].offered - trained
    if not train or not test:
        raise UserError(
            "no functions can be held out for the test file, since the same ones are called "
            "everywhere; use --split_by random."
        )
    files = [""] * len(ledger)
    for name, keys in (("train", train), ("test", test)):
        for key in keys:
            for row in groups[key].rows:
                files[row] = name
    spanning = len(rows) - sum(len(groups[key].rows) for key in train | test)
    return Split(files, frozenset(held), spanning)


@dataclass
class _Group:
    """The rows of one dialogue, and the functions that they call and offer."""

    rows: list[int] = field(default_factory=list)
    called: set[int] = field(default_factory=set)
    offered: set[int] = field(default_factory=set)


def _groups(ledger: Ledger, rows: Iterable[int]) -> dict[int, _Group]:
    groups: dict[int, _Group] = defaultdict(_Group)
    for row in rows:
        group = groups[ledger.groups[row]]
        group.rows.append(row)
        group.called.update(ledger.called[row])
        group.offered.update(ledger.offered[row])
    return groups


def _held_out(groups: dict[int, _Group], wanted: int, chooser: random.Random) -> set[int]:
    """Functions such that about `wanted` rows call nothing else, and few call others as well."""
    callers: dict[int, list[int]] = defaultdict(list)
    for key, group in groups.items():
        for tool in group.called:
            callers[tool].append(key)
    missing = {key: len(group.called) for key, group in groups.items()}
    # Rows whose functions are called about equally often come in random order.
    cost = {
        key: (sum(len(callers[tool]) for tool in group.called).bit_length(), chooser.random())
        for key, group in groups.items()
    }
    held: set[int] = set()
    inside = 0
    for key in sorted(groups, key=cost.__getitem__):
        new = groups[key].called - held
        gained = Counter(other for tool in new for other in callers[tool])
        complete = [other for other, count in gained.items() if missing[other] == count]
        gain = sum(len(groups[other].rows) for other in complete)
        if inside and inside + gain > 1.5 * wanted:
            continue
        held |= new
        inside += gain
        for other, count in gained.items():
            missing[other] -= count
        if inside >= wanted:
            break
    return held


def _need_two(rows: Sequence[int]) -> None:
    if len(rows) < 2:
        raise UserError(
            f"only {len(rows)} row is left, too few for a train and a test file; "
            "give more rows or a larger --max_samples."
        )
