"""Micro-batches of rows of like length.

verl deals long and short rows to every micro-batch (verl/utils/seqlen_balancing.py), which costs
nothing where rows are packed; here they are padded, and each becomes as long as the longest.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from verl.utils import tensordict_utils as tu

Partition = list[list[int]]


def by_length(stock: Callable[..., Any]) -> Callable[..., Any]:
    """verl's `prepare_micro_batches`, with the rows of a dynamic batch dealt anew by length.

    The number of micro-batches stays, which all processes share, and so does the loss, which is
    divided by the tokens of the whole batch. Where the largest would be larger than verl's largest,
    padding included, verl's own stay.
    """

    @functools.wraps(stock)
    def prepare_micro_batches(data: Any, *args: Any, **kwargs: Any) -> Any:
        batches, places = stock(data, *args, **kwargs)
        forced = tu.get_non_tensor_data(data=data, key="force_group_size", default=1)
        if places is None or len(places) < 2 or forced > 1:
            return batches, places
        lengths = data["input_ids"].offsets().diff().tolist()
        dealt = partition(lengths, len(places))
        if _largest(dealt, lengths) > _largest(places, lengths):
            return batches, places
        return [tu.index_select_tensor_dict(data, part) for part in dealt], dealt

    return prepare_micro_batches


def _largest(places: Partition, lengths: Sequence[int]) -> int:
    """Tokens of the largest micro-batch, padding included."""
    return max(len(part) * max(lengths[place] for place in part) for part in places)


def partition(lengths: Sequence[int], parts: int) -> Partition:
    """The places of `lengths` in `parts` runs of rising length, with about equal sums."""
    order = sorted(range(len(lengths)), key=lambda place: lengths[place])
    total = sum(lengths)
    runs: Partition = [[] for _ in range(parts)]
    passed = 0
    for rank, place in enumerate(order):
        run = min(parts - 1, (passed + lengths[place] // 2) * parts // total)
        # Every run gets a row, whatever the lengths are.
        run = max(run, parts - (len(order) - rank))
        runs[run].append(place)
        passed += lengths[place]
    return runs
