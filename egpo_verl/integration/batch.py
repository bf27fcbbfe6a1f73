"""What a trainer hands to the estimator: the one interface that v1 and the legacy trainer fill in.

verl calls a registered estimator with rewards, mask, group labels and configuration only
(verl/trainer/ppo/ray_trainer.py, `compute_advantage`). An adapter therefore keeps the rest in a
`Batch` while verl's code runs, and reads from it what came out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from egpo_verl.advantage import EgpoAdvantage, Sessions

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass
class Batch:
    """The rows of one advantage computation.

    Attributes:
        entropy: (bs, len) float, nats, of the old policy.
        responses: (bs, len) int64 token ids.
        prompt_ends: for each row the last token ids of its prompt, to see whether the chat template
            leaves `<think>` open; rows of a group may share one tensor.
        tokenizer: the policy's.
        sessions: which rows belong to one rollout; None where each rollout has one row.
        generated: (bs, len) 1 on tokens that the policy generated; None where verl's response mask,
            which it hands to the estimator itself, says so.
        thought: (bs, len) bool, set by the estimator.
        real: (bs,) bool, set by the estimator: rows that hold a response and are no padding.
        advantage: set by the estimator.
    """

    entropy: torch.Tensor
    responses: torch.Tensor
    prompt_ends: Sequence[torch.Tensor]
    tokenizer: PreTrainedTokenizerBase
    sessions: Sessions | None = None
    generated: torch.Tensor | None = None
    thought: torch.Tensor | None = field(default=None, init=False)
    real: torch.Tensor | None = field(default=None, init=False)
    advantage: EgpoAdvantage | None = field(default=None, init=False)


PROMPT_END = 64
"""Tokens of a prompt that are kept: more than any template writes from `<think>` to its end."""

_current: ContextVar[Batch | None] = ContextVar("egpo_batch", default=None)


@contextmanager
def handing_over(batch: Batch) -> Iterator[None]:
    """The estimator finds `batch` inside the block."""
    token = _current.set(batch)
    try:
        yield
    finally:
        _current.reset(token)


def current() -> Batch | None:
    """What an adapter hands over now; None outside a trainer."""
    return _current.get()
