"""Rows laid end to end, with what several of them begin with laid once.

verl pads the rows of a micro-batch to one length and computes all of their logits. Rows of
function calls are mostly prompt, and a group shares its prompt: read once, it costs a fraction.
Logits are those of responses alone.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch

Row = list[int]


@dataclass(frozen=True)
class Family:
    """Rows that begin alike."""

    rows: tuple[int, ...]
    """Their places in the micro-batch."""
    shared: int
    """Tokens of the common beginning: of a row alone, all of its tokens."""
    rests: tuple[int, ...]
    """Tokens that follow it in each row, in the order of `rows`; 0 where nothing does."""

    @functools.cached_property
    def mask(self) -> torch.Tensor:
        """(longest rest, shared + longest rest), bool: what a token of a rest attends to."""
        longest = max(self.rests)
        return torch.ones(longest, self.shared + longest, dtype=torch.bool).tril(self.shared)


class Pack:
    """The rows of a micro-batch in one sequence: family by family, the common beginning and then
    the rests.

    `rows` are lists of token ids, each from position 0 on. `firsts` are the positions of each
    row's first logit that is needed; that of its last token, which predicts nothing, never is.
    """

    def __init__(self, rows: Sequence[Row], firsts: Sequence[int]) -> None:
        self.families = families(rows)
        self.lengths = [len(row) for row in rows]
        self.firsts = list(firsts)
        tokens: list[int] = []
        positions: list[int] = []
        places: dict[int, list[int]] = {}
        for family in self.families:
            begun, shared = len(tokens), family.shared
            tokens += rows[family.rows[0]][:shared]
            positions += range(shared)
            for row, rest in zip(family.rows, family.rests, strict=True):
                places[row] = [*range(begun, begun + shared)]
                places[row] += range(len(tokens), len(tokens) + rest)
                tokens += rows[row][shared:]
                positions += range(shared, shared + rest)
        self.tokens = torch.tensor([tokens])
        """(1, tokens), int64"""
        self.positions = torch.tensor([positions])
        """(1, tokens), int64: each token's position in its row"""
        needed = [places[row][first:-1] for row, first in enumerate(self.firsts)]
        self.needed = torch.tensor([place for row in needed for place in row], dtype=torch.long)
        """(logits,), int64: the places of the logits that are needed, row by row"""
        labels = [row[first + 1 :] for row, first in zip(rows, self.firsts, strict=True)]
        self.labels = torch.tensor([token for row in labels for token in row], dtype=torch.long)
        """(logits,), int64: the tokens that they predict"""
        self.counts = torch.tensor([len(row) for row in needed])
        """(rows,), int64: logits of each row"""

    def whole(self, values: torch.Tensor) -> torch.Tensor:
        """`values` (logits,) as nested rows of all tokens, zero where no logit is needed."""
        padded = [
            torch.nn.functional.pad(row, (first, 1))
            for row, first in zip(
                torch.split(values, self.counts.tolist()), self.firsts, strict=True
            )
        ]
        return torch.nested.nested_tensor_from_jagged(torch.cat(padded), offsets(self.lengths))


def offsets(lengths: Sequence[int]) -> torch.Tensor:
    """Where rows of `lengths` begin when laid end to end, and where the last one ends, int64."""
    return torch.tensor([0, *itertools.accumulate(lengths)])


def families(rows: Sequence[Row]) -> list[Family]:
    """`rows` in families of the fewest tokens together, with beginnings of one level."""
    order = sorted(range(len(rows)), key=lambda place: rows[place])
    alike = [common(rows[one], rows[other]) for one, other in itertools.pairwise(order)]
    # Of the first n rows in order: the most tokens saved, and where the last family begins
    saved, begins = [0], [0]
    for end in range(1, len(order) + 1):
        best, begin_of_best = saved[end - 1], end - 1
        shared = len(rows[order[end - 1]])
        for begin in range(end - 2, -1, -1):
            shared = min(shared, alike[begin])
            if not shared:
                break
            total = saved[begin] + shared * (end - begin - 1)
            if total > best:
                best, begin_of_best = total, begin
        saved.append(best)
        begins.append(begin_of_best)
    found: list[Family] = []
    end = len(order)
    while end:
        begin = begins[end]
        members = tuple(order[begin:end])
        shared = min([len(rows[members[0]]), *alike[begin : end - 1]])
        rests = tuple(len(rows[place]) - shared for place in members)
        found.append(Family(members, shared, rests))
        end = begin
    return found[::-1]


def common(one: Row, other: Row) -> int:
    """The number of tokens that two rows begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))
