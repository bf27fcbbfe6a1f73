"""The rows of each dialogue together, for a split that keeps dialogues whole."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from egpo_verl.datasets.selection.index import RowIndex


class Groups:
    """Rows of one dialogue stand together and stay together; kept as ranges, not as lists."""

    def __init__(self, index: RowIndex, rows: Sequence[int]) -> None:
        self._index = index
        self._rows = sorted(rows, key=index.dialogue) if index.joined else rows
        self._starts = array("Q")
        last = None
        for place, row in enumerate(self._rows):
            if (dialogue := index.dialogue(row)) != last:
                last = dialogue
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
