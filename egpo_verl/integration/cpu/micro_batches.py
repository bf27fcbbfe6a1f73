"""Micro-batches of rows that begin alike.

verl deals rows to micro-batches by their lengths alone (verl/utils/seqlen_balancing.py), which
parts the rows of a group; a `Pack` reads the prompt once for all of them that are together.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from verl.utils import tensordict_utils as tu

PACKED = "egpo_verl_packed"
"""Of the whole batch: its engine reads packs."""
SETTLED = {"use_remove_padding": True, "use_fused_kernels": False, "distillation_use_topk": False}
"""Settings, with verl's defaults, that lay rows or logits out otherwise."""

Partition = list[list[int]]


def can_be_packed(micro_batch: Any, inputs: dict[str, Any]) -> bool:
    """Whether verl would pad the rows of `micro_batch` (its TensorDict of nested rows) to call the
    model with `inputs`, of text alone, whose positions count from 0 in each row."""
    if any(tu.get_non_tensor_data(micro_batch, key, usual) for key, usual in SETTLED.items()):
        return False
    if inputs.keys() != {"input_ids", "attention_mask", "position_ids"}:
        return False
    rows = micro_batch["position_ids"].unbind()
    return all(row.dim() == 1 and torch.equal(row, torch.arange(len(row))) for row in rows)


def firsts(micro_batch: Any) -> list[int]:
    """The position of each row's first logit that the loss or the log probabilities need: of
    verl's RL trainer the prompt's last token, of its SFT trainer the one before the first that is
    not masked; 0 where neither says."""
    prompts = micro_batch.get("prompts", None)
    if prompts is not None:
        if not prompts.is_nested:
            return [0] * len(prompts)
        lengths = prompts.offsets().diff()
    else:
        mask = micro_batch.get("loss_mask", None)
        if mask is None or not mask.is_nested:
            return [0] * micro_batch.batch_size[0]
        lengths = torch.stack([row.argmax() for row in mask.unbind()])
    return [max(0, length - 1) for length in lengths.tolist()]


def in_families(stock: Callable[..., Any]) -> Callable[..., Any]:
    """verl's `prepare_micro_batches`, with the rows of a dynamic batch that is to be packed dealt
    anew in the order of their tokens.

    The number of micro-batches stays, which all processes share, and so does the loss, which is
    divided by the tokens of the whole batch.
    """

    @functools.wraps(stock)
    def prepare_micro_batches(data: Any, *args: Any, **kwargs: Any) -> Any:
        batches, places = stock(data, *args, **kwargs)
        packed = tu.get_non_tensor_data(data=data, key=PACKED, default=False)
        forced = tu.get_non_tensor_data(data=data, key="force_group_size", default=1)
        if not packed or places is None or len(places) < 2 or forced > 1:
            return batches, places
        dealt = partition([row.tolist() for row in data["input_ids"].unbind()], len(places))
        return [tu.index_select_tensor_dict(data, part) for part in dealt], dealt

    return prepare_micro_batches


def partition(rows: Sequence[list[int]], parts: int) -> Partition:
    """The places of `rows` in `parts` runs of rising tokens, with about equal sums of lengths."""
    order = sorted(range(len(rows)), key=lambda place: rows[place])
    total = sum(map(len, rows))
    runs: Partition = [[] for _ in range(parts)]
    passed, run = 0, -1
    for rank, place in enumerate(order):
        length = len(rows[place])
        due = min(parts - 1, (passed + length // 2) * parts // total)
        # Every run gets a row, whatever the lengths are.
        run = max(run, min(due, run + 1), parts - (len(order) - rank))
        runs[run].append(place)
        passed += length
    return runs
