"""Eq. 1: the advantage of GRPO, one number a response, as verl computes it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch


class NotFinite(ValueError):
    """A reward that is not finite.

    Attributes:
        row: the first response that has one.
    """

    def __init__(self, message: str, row: int) -> None:
        super().__init__(message)
        self.row = row


def finite_scores(token_level_rewards: torch.Tensor) -> torch.Tensor:
    """The reward of each response, (bs, len) float summed to (bs,).

    Raises:
        NotFinite: one of them is infinite or NaN.
    """
    scores = token_level_rewards.sum(dim=-1)
    odd = (~torch.isfinite(scores)).nonzero()
    if odd.numel():
        row = int(odd[0])
        raise NotFinite(
            f"The reward of {len(odd)} of {len(scores)} responses is not finite (the first is row "
            f"{row}: {scores[row].item()}), and one such reward would make its whole group "
            "invalid: make the reward function return a finite number.",
            row,
        )
    return scores


def group_numbers(index: np.ndarray, device: torch.device) -> torch.Tensor:
    """Labels of groups, (bs,) of any kind, as (bs,) int64 numbers 0, 1, 2, ... without gaps."""
    numbers: dict[Any, int] = {}
    of_row = [numbers.setdefault(label, len(numbers)) for label in np.asarray(index).tolist()]
    return torch.tensor(of_row, dtype=torch.int64, device=device)


def grpo_scalars(
    scores: torch.Tensor, groups: torch.Tensor, norm_by_std: bool = True, epsilon: float = 1e-6
) -> torch.Tensor:
    """Eq. 1: (r - mean) / (std + epsilon) within each group; a group of one keeps its reward.

    `scores` (bs,) float and `groups` (bs,) int64 give (bs,) in the scores' type. Mean and sample
    deviation are taken as verl's `grpo` takes them (verl/trainer/ppo/core_algos.py:268), over the
    group's rows in their order, so that lambda = 0 is verl's `grpo` to the bit. Groups of one size
    are computed at once.
    """
    result = torch.empty_like(scores)
    sizes = torch.bincount(groups)
    order = torch.argsort(groups, stable=True)
    size_of_row = sizes[groups[order]]
    for size in set(sizes.tolist()):
        rows = order[size_of_row == size].view(-1, max(size, 1))
        result[rows] = _of_equal_groups(scores[rows], norm_by_std, epsilon)
    return result


def _of_equal_groups(scores: torch.Tensor, norm_by_std: bool, epsilon: float) -> torch.Tensor:
    """Eq. 1 for (groups, size) scores, one group a row."""
    if scores.shape[1] == 1:
        mean, std = scores.new_zeros(1), scores.new_ones(1)
    else:
        mean, std = scores.mean(dim=1, keepdim=True), scores.std(dim=1, keepdim=True)
    return (scores - mean) / (std + epsilon) if norm_by_std else scores - mean
