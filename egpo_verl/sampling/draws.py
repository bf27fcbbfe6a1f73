"""Tokens drawn from random numbers of each response's own.

`torch.multinomial` draws a whole batch from one stream, so what a response becomes depends on which
others share its batch, and that is a matter of timing. Here a response has its own stream.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from transformers import (
    LogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)


def seed_of(*parts: object) -> int:
    """A seed of 63 bits, the same in every process for the same parts."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "big") >> 1


def uniform(seeds: Sequence[int], length: int) -> torch.Tensor:
    """(bs, length) float64 numbers in [0, 1), row `i` from `seeds[i]` alone."""
    rows = []
    for seed in seeds:
        stream = torch.Generator().manual_seed(seed)
        rows.append(torch.rand(length, generator=stream, dtype=torch.float64))
    return torch.stack(rows)


def filters(temperature: float, top_k: int, top_p: float) -> list[LogitsProcessor]:
    """What shapes the scores before a draw; `top_k` <= 0 and `top_p` 1 leave them as they are."""
    steps: list[LogitsProcessor] = [TemperatureLogitsWarper(temperature)]
    if top_k > 0:
        steps.append(TopKLogitsWarper(top_k))
    if top_p < 1:
        steps.append(TopPLogitsWarper(top_p))
    return steps


class Draw(LogitsProcessor):
    """Leaves one token of each row, drawn by inverting the cumulative distribution.

    It stands behind temperature and filters, in a `generate` that then takes the largest score.

    Args:
        numbers: (bs, max_tokens) in [0, 1), one for each token to come.
        prompt_length: tokens of `input_ids` before the first response token.

    Raises:
        ValueError: when called with scores that are NaN.
    """

    def __init__(self, numbers: torch.Tensor, prompt_length: int) -> None:
        self.numbers = numbers
        self.prompt_length = prompt_length

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        step = input_ids.shape[1] - self.prompt_length
        reached = torch.softmax(scores, dim=-1, dtype=torch.float64).cumsum(dim=-1)
        if torch.isnan(reached[:, -1]).any():
            raise ValueError("The policy's scores are not finite: its weights have diverged.")
        heights = self.numbers[:, step, None] * reached[:, -1:]
        tokens = torch.searchsorted(reached, heights, right=True)
        only: torch.FloatTensor = torch.full_like(scores, -torch.inf)  # type: ignore[assignment]
        return only.scatter_(1, tokens, 0.0)  # type: ignore[return-value]
