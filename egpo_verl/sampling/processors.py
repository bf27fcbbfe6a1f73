"""What transformers' `generate` calls at each token: a recorder, and reasons to stop."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import LogitsProcessor, StoppingCriteria

ENDED = 0.25
"""Share of ended responses from which a batch goes on without them."""


@dataclass
class LogProbRecorder(LogitsProcessor):
    """Records the log probability of each sampled token, holding one step's logits at a time.

    It stands before temperature and filters, so the logits seen here are the model's; the token
    that came of them is the last one of the next call's `input_ids`.
    """

    temperature: float
    start: int
    columns: list[torch.Tensor] = field(default_factory=list)
    previous: torch.Tensor | None = None

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        if input_ids.shape[1] > self.start:
            self.settle(input_ids)
        self.previous = torch.log_softmax(scores.float() / self.temperature, dim=-1)
        return scores

    def settle(self, input_ids: torch.Tensor) -> None:
        """Read off the log probability of the newest token."""
        if self.previous is not None:
            self.columns.append(self.previous.gather(1, input_ids[:, -1:]))
            self.previous = None


@dataclass
class Abort(StoppingCriteria):
    """Stops all responses once `event` is set."""

    event: threading.Event

    def __call__(
        self, input_ids: torch.LongTensor, scores: torch.FloatTensor, **kwargs: Any
    ) -> torch.BoolTensor:
        return _all(input_ids, self.event.is_set())


@dataclass
class Thinned(StoppingCriteria):
    """Stops all responses once so many have ended that the others should go on alone.

    Args:
        start: tokens of `input_ids` before the first that counts.
        ends: tokens that end a response.
    """

    start: int
    ends: Sequence[int]

    def __call__(
        self, input_ids: torch.LongTensor, scores: torch.FloatTensor, **kwargs: Any
    ) -> torch.BoolTensor:
        share = ended(input_ids[:, self.start :], self.ends).float().mean()
        return _all(input_ids, bool(share >= ENDED))


def ended(tokens: torch.Tensor, ends: Sequence[int]) -> torch.Tensor:
    """(bs,) bool: which rows of `tokens` (bs, len) hold one of `ends`."""
    return torch.isin(tokens, tokens.new_tensor(ends)).any(dim=1)


def _all(input_ids: torch.Tensor, stop: bool) -> torch.BoolTensor:
    decision: Any = input_ids.new_full((len(input_ids),), stop, dtype=torch.bool)
    return decision  # type: ignore[no-any-return]
