"""Token sequences that begin alike, each beginning computed once: a tree in a row of a batch.

The messages of an episode repeat what was said before, and the tools of its service; an earlier
message with its thought is a branch of its own. A token sees its ancestors alone and has their
number as its position, so the loss is that of the sequences one by one. A row holds a fifth of
their tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from egpo_verl.toolworld.encode import IGNORED, ROUND, Batch

Line = tuple[list[int], list[int]]
"""The token ids of a prompt and of its response."""


@dataclass
class Tree:
    """One row while it grows.

    Attributes:
        ids, positions, targets: of its tokens, see `Batch`.
        parents: place of the token before each one; the first one's own.
    """

    ids: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    _path: list[int] = field(default_factory=list)

    def shared(self, line: Line) -> int:
        """With how many tokens of the line before this one begins, too."""
        pairs = zip(line[0] + line[1], self._path, strict=False)
        length = min(len(line[0]) + len(line[1]), len(self._path))
        return next((n for n, (one, place) in enumerate(pairs) if one != self.ids[place]), length)

    def add(self, line: Line, shared: int) -> None:
        """Add a line as a branch of the one before."""
        ids, start = line[0] + line[1], len(self.ids) - shared
        path = [*self._path[:shared], *(start + n for n in range(shared, len(ids)))]
        self.ids += ids[shared:]
        self.positions += range(shared, len(ids))
        self.targets += [IGNORED] * (len(ids) - shared)
        self.parents += [path[max(n - 1, 0)] for n in range(shared, len(ids))]
        for n in range(len(line[0]), len(ids)):
            self.targets[path[n - 1]] = ids[n]
        self._path = path

    def visible(self, length: int) -> Tensor:
        """(length, length): which tokens each one sees; padding sees itself."""
        seen = np.eye(length, dtype=np.bool_)
        for place, parent in enumerate(self.parents):
            seen[place] |= seen[parent]
        return torch.from_numpy(seen)


def trees(lines: Sequence[Line], most: int) -> Iterator[Tree]:
    """The lines in trees of at most `most` tokens; a longer line has a tree of its own."""
    tree = Tree()
    for line in sorted(lines, key=lambda line: line[0] + line[1]):
        shared = tree.shared(line)
        if tree.ids and len(tree.ids) + len(line[0]) + len(line[1]) - shared > most:
            yield tree
            tree, shared = Tree(), 0
        tree.add(line, shared)
    if tree.ids:
        yield tree


def tree_batch(rows: Sequence[Tree], pad: int) -> Batch:
    """A batch whose rows are trees."""
    longest = max(len(tree.ids) for tree in rows)
    length = longest + -longest % ROUND

    def padded(values: Sequence[int], fill: int) -> list[int]:
        return [*values, *[fill] * (length - len(values))]

    return Batch(
        torch.tensor([padded(tree.ids, pad) for tree in rows]),
        torch.tensor([padded(tree.targets, IGNORED) for tree in rows]),
        torch.tensor([padded(tree.positions, 0) for tree in rows]),
        torch.stack([tree.visible(length) for tree in rows])[:, None],
    )
