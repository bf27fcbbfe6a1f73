"""What the split and the mix need to know of every kept row, in some 60 bytes a row."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

KINDS = {
    "no_call": "no call is expected",
    "single": "one call, one function offered",
    "multiple": "one call, several functions offered",
    "parallel": "several calls",
}
"""Kind of a row -> what it means."""
_NAMES = tuple(KINDS)
_NUMBER = {kind: number for number, kind in enumerate(KINDS)}


def kind_of(calls: int, offered: int) -> str:
    """The kind of a row by the number of its calls and of the functions offered."""
    if calls == 0:
        return "no_call"
    if calls > 1:
        return "parallel"
    return "single" if offered == 1 else "multiple"


class IntLists:
    """Lists of small numbers, flat in memory, to which lists can be added.

    An Arrow list array is as flat, but it cannot grow.
    """

    def __init__(self) -> None:
        self._items = array("I")
        self._ends = array("Q")

    def append(self, items: Iterable[int]) -> None:
        """Add a list."""
        self._items.extend(items)
        self._ends.append(len(self._items))

    def __getitem__(self, place: int) -> array[int]:
        start = self._ends[place - 1] if place else 0
        return self._items[start : self._ends[place]]

    def __len__(self) -> int:
        return len(self._ends)


class Numbering(dict[str, int]):
    """Name -> number: 0, 1, 2, ... in the order in which they are first asked for."""

    def __missing__(self, name: str) -> int:
        self[name] = len(self)
        return self[name]


@dataclass
class RowIndex:
    """One entry for each kept row, in their order.

    Attributes:
        groups: a number that rows of one source row share, and others do not.
        joined: group -> the one that stands for its dialogue, where several make one.
        turns: the row's turn of its dialogue, -1 where there is but one.
        kinds: place in `KINDS`.
        offered: numbers of the functions offered.
        called: numbers of the functions called, in the history too, each once.
        in_test: 1 for a row of the user's test file, 0 for the others.
        numbers: function name -> its number.
    """

    groups: array[int] = field(default_factory=lambda: array("Q"))
    joined: Mapping[int, int] = field(default_factory=dict)
    turns: array[int] = field(default_factory=lambda: array("i"))
    kinds: array[int] = field(default_factory=lambda: array("B"))
    offered: IntLists = field(default_factory=IntLists)
    called: IntLists = field(default_factory=IntLists)
    in_test: bytearray = field(default_factory=bytearray)
    numbers: Numbering = field(default_factory=Numbering)

    def add(
        self,
        group: int,
        kind: str,
        offered: Iterable[str],
        called: Iterable[str],
        in_test: bool = False,
        turn: int | None = None,
    ) -> None:
        """Enter a row."""
        self.turns.append(-1 if turn is None else turn)
        self.in_test.append(in_test)
        self.groups.append(group)
        self.kinds.append(_NUMBER[kind])
        self.offered.append(map(self.numbers.__getitem__, offered))
        self.called.append(set(map(self.numbers.__getitem__, called)))

    def kind(self, row: int) -> str:
        """The kind of a row, a key of `KINDS`."""
        return _NAMES[self.kinds[row]]

    def dialogue(self, row: int) -> int:
        """A number that rows of one dialogue share, and others do not."""
        group = self.groups[row]
        return self.joined.get(group, group)

    def __len__(self) -> int:
        return len(self.groups)
