"""Eq. 5: the clipped bonus for entropy, once a response or token by token."""

from __future__ import annotations

import torch

from egpo_verl.advantage.options import EgpoOptions
from egpo_verl.advantage.passes import row_blocks


def entropy_bonus(
    base: torch.Tensor, entropy: torch.Tensor, options: EgpoOptions
) -> tuple[torch.Tensor, torch.Tensor]:
    """Eq. 5's min(lam * E, |A| / alpha) and where the second term was the smaller one.

    `base` and `entropy` broadcast against each other; the result has their common shape.
    """
    bonus = options.lam * entropy
    cap = base.abs() / options.alpha if options.clip else torch.full_like(base, torch.inf)
    if options.positive_only:
        cap = torch.where(base > 0, cap, 0.0)
    return torch.minimum(bonus, cap), (bonus > cap) & (cap > 0)


def bonus_per_token(
    base: torch.Tensor,
    entropy: torch.Tensor,
    scope: torch.Tensor,
    response_mask: torch.Tensor,
    options: EgpoOptions,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Eq. 5 with each token's entropy: A' (bs, len), and per row the sum of the bonuses and
    the number of clipped ones, both (bs,) float32."""
    advantages = torch.empty(response_mask.shape, dtype=torch.float32, device=base.device)
    bonus, clipped = torch.empty_like(base), torch.empty_like(base)
    for rows in row_blocks(advantages):
        counted = scope[rows].bool() & response_mask[rows].bool()
        token_entropy = torch.where(counted, entropy[rows].float(), 0.0).clamp_min_(0.0)
        of_row = base[rows, None]
        token_bonus, was_clipped = entropy_bonus(of_row, token_entropy, options)
        torch.mul(token_bonus + of_row, response_mask[rows], out=advantages[rows])
        bonus[rows] = token_bonus.sum(dim=-1)
        clipped[rows] = (was_clipped & counted).sum(dim=-1).float()
    return advantages, bonus, clipped
