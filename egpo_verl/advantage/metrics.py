"""The `egpo/...` figures of a batch."""

from __future__ import annotations

import torch

from egpo_verl.advantage.passes import MaskedSums


def batch_metrics(
    base: torch.Tensor,
    entropy: torch.Tensor,
    bonus: torch.Tensor,
    clipped: torch.Tensor,
    sums: MaskedSums,
    scores: torch.Tensor,
    groups: torch.Tensor,
) -> dict[str, float]:
    """The figures of a batch; rows without a single response token (verl's padding) stay out."""
    counts, real = sums.counts, sums.real
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


def _mean_or_zero(values: torch.Tensor) -> float:
    return values.mean().item() if values.numel() else 0.0


def _silent_share(scores: torch.Tensor, groups: torch.Tensor) -> float:
    """Share of the groups of two or more whose rewards are all equal: they teach nothing."""
    sizes = torch.bincount(groups)
    highest = scores.new_full(sizes.shape, -torch.inf).scatter_reduce_(0, groups, scores, "amax")
    lowest = scores.new_full(sizes.shape, torch.inf).scatter_reduce_(0, groups, scores, "amin")
    comparable = sizes > 1
    return _mean_or_zero((highest == lowest)[comparable].float())
