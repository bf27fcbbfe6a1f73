"""A mix of row kinds in given shares, by leaving rows out."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from egpo_verl.datasets.selection.index import KINDS, RowIndex
from egpo_verl.errors import UserError


def balanced(
    index: RowIndex, rows: Sequence[int], shares: Mapping[str, float], seed: int
) -> list[int]:
    """As many of `rows` as can be had in the shares, in their order.

    Args:
        shares: kind (of `KINDS`) -> its share of the result. Kinds that are not named keep their
            proportions among the rest.

    Raises:
        UserError: a kind has no rows, or the shares leave no room.
    """
    by_kind: dict[str, list[int]] = {kind: [] for kind in KINDS}
    for row in rows:
        by_kind[index.kind(row)].append(row)
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
    chooser = random.Random(f"balance:{seed}")
    chosen = chooser.sample(rest, round(total * left)) if rest and left > 1e-9 else []
    for kind, share in positive.items():
        chosen += chooser.sample(by_kind[kind], min(len(by_kind[kind]), round(total * share)))
    return sorted(chosen)
