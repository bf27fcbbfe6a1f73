"""A mix of row kinds in given shares, by leaving rows out."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from egpo_verl.datasets.selection.index import KINDS, RowIndex
from egpo_verl.errors import UserError


class Share(NamedTuple):
    """What a kind of rows (of `KINDS`) makes of all: `share` (0 to 1), or at most so much."""

    kind: str
    share: float
    at_most: bool = False

    def __str__(self) -> str:
        return f"{self.kind}{'<=' if self.at_most else '='}{self.share:g}"


def balanced(index: RowIndex, rows: Sequence[int], asked: Sequence[Share], seed: int) -> list[int]:
    """As many of `rows` as can be had in the shares, in their order.

    Kinds that are not named keep their proportions among the rest.

    Raises:
        UserError: a kind has no rows, or the shares leave no room.
    """
    by_kind: dict[str, list[int]] = {kind: [] for kind in KINDS}
    for row in rows:
        by_kind[index.kind(row)].append(row)
    shares = {
        one.kind: one.share
        for one in asked
        if not one.at_most or len(by_kind[one.kind]) > one.share * len(rows)
    }
    if not shares:
        return list(rows)
    return _chosen(by_kind, shares, random.Random(f"balance:{seed}"))


def _chosen(
    by_kind: Mapping[str, Sequence[int]], shares: Mapping[str, float], chooser: random.Random
) -> list[int]:
    """As many rows as can be had of which each kind in `shares` makes its share."""
    positive = {kind: share for kind, share in shares.items() if share > 0}
    for kind in positive:
        if not by_kind[kind]:
            raise UserError(f"--share {kind} cannot be reached: no row is of that kind.")
    rest = [row for kind, members in by_kind.items() if kind not in shares for row in members]
    left = 1.0 - sum(shares.values())
    limits = [len(by_kind[kind]) / share for kind, share in positive.items()]
    if rest and left > 1e-9:
        limits.append(len(rest) / left)
    elif left > 1e-9:
        raise UserError("--share names every kind that there is, but the shares are below 1.")
    total = min(limits)
    chosen = chooser.sample(rest, round(total * left)) if rest and left > 1e-9 else []
    for kind, share in positive.items():
        chosen += chooser.sample(by_kind[kind], min(len(by_kind[kind]), round(total * share)))
    return sorted(chosen)
