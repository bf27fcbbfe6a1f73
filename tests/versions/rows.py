"""Three groups of four responses, as rollouts and an old-log-prob pass leave them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

MODEL = Path(__file__).parents[2] / "egpo_verl" / "toolworld" / "model"
GROUPS, ROLLOUTS = 3, 4
TEXTS = (
    "<think>Paris, then</think>\n[weather(city='Paris')]",
    "<think>no",
    "the answer</think>[weather(city='Rome')]",
    "[weather(city='Paris')]",
)


@dataclass
class Rows:
    """`bs` is GROUPS * ROLLOUTS; prompts are padded on the left, responses on the right."""

    tokenizer: Any
    prompts: list[torch.Tensor]
    """bs tensors of int64 ids."""
    responses: list[torch.Tensor]
    """bs tensors of int64 ids."""
    scores: torch.Tensor
    """(bs, len) float, on the last token."""
    old_log_probs: torch.Tensor
    """(bs, len) float, zero on padding."""
    entropy: torch.Tensor
    """(bs, len) float, zero on padding."""
    uids: np.ndarray

    @property
    def mask(self) -> torch.Tensor:
        """(bs, len) int64, 1 on tokens of the response."""
        return right([torch.ones_like(row) for row in self.responses])

    def padded(self) -> dict[str, torch.Tensor]:
        """What verl's agent loop puts in a `DataProto`."""
        longest = max(map(len, self.prompts))
        prompts = torch.stack([_left(row, longest) for row in self.prompts])
        there = torch.stack([_left(torch.ones_like(row), longest) for row in self.prompts])
        attention = torch.cat([there, self.mask], dim=1)
        return {
            "prompts": prompts,
            "responses": right(self.responses),
            "input_ids": torch.cat([prompts, right(self.responses)], dim=1),
            "attention_mask": attention,
            "position_ids": (attention.cumsum(dim=1) - 1).clamp(min=0),
            "response_mask": self.mask,
            "rm_scores": self.scores,
        }


def make_rows() -> Rows:
    # Its tokenizer_config.json names a class of transformers 5.
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(MODEL / "tokenizer.json"))
    draw = torch.Generator().manual_seed(7)
    responses = [torch.tensor(tokenizer(text)["input_ids"]) for text in TEXTS] * GROUPS
    opened = "<think>\n"
    questions = [f"question {group} {opened if group else ''}" for group in range(GROUPS)]
    mask = right([torch.ones_like(row) for row in responses])
    scores = torch.zeros(mask.shape)
    for row in range(0, len(responses), 3):
        scores[row, len(responses[row]) - 1] = 1.0
    return Rows(
        tokenizer,
        [torch.tensor(tokenizer(questions[row // ROLLOUTS])["input_ids"]) for row in range(12)],
        responses,
        scores,
        torch.rand(mask.shape, generator=draw) * mask,
        torch.rand(mask.shape, generator=draw) * mask,
        np.array([f"uid{row // ROLLOUTS}" for row in range(12)], dtype=object),
    )


def expected(rows: Rows, algorithm: Any) -> torch.Tensor:
    """Advantages by the package's public functions alone, (bs, len)."""
    from egpo_verl.advantage import egpo
    from egpo_verl.cot import cot_mask

    thought = cot_mask(rows.tokenizer, right(rows.responses), rows.mask, rows.prompts)
    advantages: torch.Tensor = egpo(
        rows.scores, rows.mask, rows.uids, rows.entropy, thought, config=algorithm
    )[0]
    return advantages


def right(rows: list[torch.Tensor]) -> torch.Tensor:
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)


def _left(row: torch.Tensor, length: int) -> torch.Tensor:
    return torch.nn.functional.pad(row, (length - len(row), 0))
