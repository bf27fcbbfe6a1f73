"""Rollouts of several rows: an agent loop returns one for each message of the policy."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Sessions:
    """Which rows belong to one rollout, when an agent loop returns several outputs per rollout.

    Attributes:
        of_row: (bs,) int64, the session of each row, in [0, number of sessions).
        final_row: (sessions,) int64, the row that holds the session's last output. It carries
            the score, as in verl's GRPO (verl/trainer/ppo/v1/utils.py).
        turn_of_row: (bs,) int64, the place of each row in its rollout, from 0; None where no
            metric by turn is asked for.
    """

    of_row: torch.Tensor
    final_row: torch.Tensor
    turn_of_row: torch.Tensor | None = None

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        """(bs,) summed over the rows of each rollout: (sessions,)."""
        return values.new_zeros(len(self.final_row)).index_add_(0, self.of_row, values)

    def mean(self, values: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """(bs,) float averaged over those of each rollout's rows that `rows` (bs,) bool marks, 0
        where there is none: (sessions,)."""
        totals = self.sum(torch.where(rows, values, 0.0))
        return totals / self.sum(rows.to(values.dtype)).clamp_min(1)
