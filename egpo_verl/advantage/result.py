"""What the estimator takes of rollouts beside tensors, and what it makes."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Sessions:
    """Which rows belong to one rollout, when an agent loop returns several outputs per rollout.

    Attributes:
        of_row: (bs,) int64, the session of each row, in [0, number of sessions).
        final_row: (sessions,) int64, the row that holds the session's last output. It carries
            the score, as in verl's own GRPO (verl/trainer/ppo/v1/utils.py).
    """

    of_row: torch.Tensor
    final_row: torch.Tensor


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
