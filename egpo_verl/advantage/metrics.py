"""The `egpo/...` figures of a batch, over rollouts: one of several rows counts once."""

from __future__ import annotations

from typing import NamedTuple

import torch

from egpo_verl.advantage.passes import MaskedSums
from egpo_verl.advantage.sessions import Sessions

TURNS = 16
"""Turns whose entropy is logged one by one."""


class Figures(NamedTuple):
    """What the metrics are made of, each (n,) by row or by rollout.

    Attributes:
        base: A of Eq. 1.
        entropy: E of Eq. 4.
        bonus: of Eq. 5.
        clipped: share of bonuses that were cut.
        counts: thought tokens.
        real: whether there is a response; verl's padding rows hold none.
        scores: the reward.
        groups: number of the prompt.
    """

    base: torch.Tensor
    entropy: torch.Tensor
    bonus: torch.Tensor
    clipped: torch.Tensor
    counts: torch.Tensor
    real: torch.Tensor
    scores: torch.Tensor
    groups: torch.Tensor


def batch_metrics(rows: Figures, sessions: Sessions | None) -> dict[str, float]:
    """The figures of a batch; rows without a single response token (verl's padding) stay out."""
    base, entropy, bonus, clipped, counts, real, scores, groups = (
        rows if sessions is None else of_rollouts(rows, sessions)
    )
    if not real.any():
        return {}
    thinks = real & (counts > 0)
    judged = real & (base != 0)
    size = base[real].abs().sum()
    return {
        "egpo/cot_entropy": _mean_or_zero(entropy[thinks]),
        "egpo/cot_tokens": counts[real].float().mean().item(),
        "egpo/bonus": bonus[real].mean().item(),
        "egpo/bonus_over_abs_adv": (bonus[real].sum() / size).item() if size > 0 else 0.0,
        "egpo/clip_frac": _mean_or_zero(clipped[judged]),
        "egpo/no_cot_frac": 1.0 - thinks.sum().item() / real.sum().item(),
        "egpo/silent_group_frac": _silent_share(scores[real], groups[real]),
    }


def of_rollouts(rows: Figures, sessions: Sessions) -> Figures:
    """The figures of each rollout: sums of tokens, means over its rows, and what its last has."""
    final, real = sessions.final_row, rows.real
    return Figures(
        base=rows.base[final],
        entropy=sessions.mean(rows.entropy, real & (rows.counts > 0)),
        bonus=sessions.mean(rows.bonus, real),
        clipped=sessions.mean(rows.clipped, real),
        counts=sessions.sum(rows.counts),
        real=sessions.sum(real.long()) > 0,
        scores=rows.scores[final],
        groups=rows.groups[final],
    )


def turn_metrics(sums: MaskedSums, sessions: Sessions | None) -> dict[str, float]:
    """`egpo/cot_entropy_turn_<k>`: the mean E over the k-th messages that think."""
    if sessions is None or sessions.turn_of_row is None:
        return {}
    row_entropy = sums.totals / sums.counts.clamp_min(1)
    thinks = sums.real & (sums.counts > 0)
    of_turn = [row_entropy[thinks & (sessions.turn_of_row == turn)] for turn in range(TURNS)]
    return {
        f"egpo/cot_entropy_turn_{turn + 1}": entropy.mean().item()
        for turn, entropy in enumerate(of_turn)
        if entropy.numel()
    }


def _mean_or_zero(values: torch.Tensor) -> float:
    return values.mean().item() if values.numel() else 0.0


def _silent_share(scores: torch.Tensor, groups: torch.Tensor) -> float:
    """Share of the groups of two or more whose rewards are all equal: they teach nothing."""
    sizes = torch.bincount(groups)
    highest = scores.new_full(sizes.shape, -torch.inf).scatter_reduce_(0, groups, scores, "amax")
    lowest = scores.new_full(sizes.shape, torch.inf).scatter_reduce_(0, groups, scores, "amin")
    comparable = sizes > 1
    return _mean_or_zero((highest == lowest)[comparable].float())
