"""What the estimator makes."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class EgpoAdvantage:
    """The advantage and what it is made of.

    Attributes:
        advantages: (bs, len) float32, A' on the tokens of `response_mask`, 0 elsewhere.
        base: (bs,) float32, A of Eq. 1.
        entropy: (bs,) float32, E of Eq. 4 in nats.
        bonus: (bs,) float32, the bonus of Eq. 5 (its mean over the scope when per token).
        clipped: (bs,) float32 in [0, 1], the share of bonuses that |A|/alpha cut.
        cot_tokens: (bs,) int64, W, the number of tokens whose entropy counts.
        metrics: the `egpo/...` figures over the rows that hold a response.
    """

    advantages: torch.Tensor
    base: torch.Tensor
    entropy: torch.Tensor
    bonus: torch.Tensor
    clipped: torch.Tensor
    cot_tokens: torch.Tensor
    metrics: dict[str, float]
