"""Source rows of one dialogue: files of many datasets give a dialogue anew with every turn."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator

import pyarrow.compute as pc

from egpo_verl.datasets.parquet.columns import wholes


class Dialogues:
    """Source rows that belong together, because the messages of one begin the other.

    Memory grows by 24 bytes a row and 8 a message or call.
    """

    def __init__(self) -> None:
        self._groups = array("Q")
        self._ends = array("q")
        self._beginnings = array("q")
        self._starts = array("Q")  # where the beginnings of each row begin

    def add(self, group: int, digests: array[int]) -> None:
        """Enter a source row by its number and its `beginnings` (see `checks.keys`)."""
        self._starts.append(len(self._beginnings))
        self._beginnings += digests[:-1]
        self._groups.append(group)
        self._ends.append(digests[-1])

    def update(self, other: Dialogues, offset: int = 0) -> None:
        """Enter the source rows of another, with `offset` added to their numbers."""
        first = len(self._beginnings)
        self._starts.extend([first + start for start in other._starts])
        self._beginnings += other._beginnings
        self._groups.extend([group + offset for group in other._groups])
        self._ends += other._ends

    def joined(self) -> dict[int, int]:
        """Source row -> the one that stands for its dialogue, where that is another."""
        parents = array("I", range(len(self._groups)))

        def root(place: int) -> int:
            while parents[place] != place:
                parents[place] = parents[parents[place]]
                place = parents[place]
            return place

        for place, other in self._pairs():
            one, two = sorted((root(place), root(other)))
            parents[two] = one
        groups = self._groups
        return {
            groups[place]: groups[root(place)]
            for place, parent in enumerate(parents)
            if parent != place
        }

    def _pairs(self) -> Iterator[tuple[int, int]]:
        """Places of rows of which one begins the other, or is as long."""
        ends = wholes(self._ends).dictionary_encode()
        first = array("I")  # place of the first row with each end, which are numbered as they come
        for place, number in enumerate(ends.indices.to_pylist()):
            if number == len(first):
                first.append(place)
            else:
                yield first[number], place
        numbers = pc.index_in(wholes(self._beginnings), value_set=ends.dictionary)
        inside = pc.indices_nonzero(numbers.is_valid()).to_pylist()
        for number, place in zip(numbers.drop_null().to_pylist(), inside, strict=True):
            yield first[number], bisect_right(self._starts, place) - 1
