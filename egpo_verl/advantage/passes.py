"""Passes over whole (bs, len) tensors, in blocks of rows that fit a core's cache.

What a block needs twice is read from memory once, and no temporary is as large as an input: at
16,384 responses of 8,192 tokens each one would take half a gigabyte. verl's masked_sum
(verl/utils/torch_functional.py) makes two such, and the trainer's process holds them beside the
batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch

# Elements of one block of rows: its float32 copy stays within a core's second-level cache.
BLOCK_ELEMENTS = 1 << 18


class MaskedSums(NamedTuple):
    """What one pass over the tokens finds.

    Attributes:
        totals: (bs,) float32, the sum of the values that count.
        counts: (bs,) int64, how many count.
        real: (bs,) bool, whether the row holds a response; verl's padding rows hold none.
    """

    totals: torch.Tensor
    counts: torch.Tensor
    real: torch.Tensor


def masked_sums(
    values: torch.Tensor, mask: torch.Tensor, response_mask: torch.Tensor
) -> MaskedSums:
    """Sums of `values` (bs, len) over the tokens where both masks hold.

    Works in blocks of rows that fit a cache and never makes a temporary as large as its input.
    """
    blocks = [
        _block_sums(values[rows], mask[rows], response_mask[rows]) for rows in row_blocks(values)
    ]
    if not blocks:
        return _block_sums(values, mask, response_mask)
    return MaskedSums(*(torch.cat(parts) for parts in zip(*blocks, strict=True)))


def row_blocks(like: torch.Tensor) -> Iterator[slice]:
    """Slices of rows of a (bs, len) tensor, each of at most BLOCK_ELEMENTS elements or one row."""
    rows, length = like.shape
    step = max(1, BLOCK_ELEMENTS // max(1, length))
    return (slice(start, start + step) for start in range(0, rows, step))


def _block_sums(
    values: torch.Tensor, mask: torch.Tensor, response_mask: torch.Tensor
) -> MaskedSums:
    counted = mask.bool() & response_mask.bool()
    weights = counted.float()
    # A product is the fast way, but 0 * inf is not 0, so odd values go the sure way.
    totals = torch.linalg.vecdot(values.float(), weights)
    if not torch.isfinite(totals).all():
        totals = torch.where(counted, values, 0.0).sum(dim=-1, dtype=torch.float32)
    return MaskedSums(totals, weights.sum(dim=-1).long(), response_mask.amax(dim=-1).bool())


def spread(scalars: torch.Tensor, response_mask: torch.Tensor) -> torch.Tensor:
    """(bs,) float32 onto the tokens of the mask: (bs, len) float32, as verl's GRPO does."""
    tokens = torch.empty(response_mask.shape, dtype=torch.float32, device=scalars.device)
    for rows in row_blocks(tokens):
        torch.mul(response_mask[rows].float(), scalars[rows, None], out=tokens[rows])
    return tokens
