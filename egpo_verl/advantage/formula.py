"""The EGPO advantage as pure tensor functions (arXiv:2508.05118v4, Eq. 1, 4 and 5).

GRPO asks how good a response is beside its group. EGPO adds a clipped bonus for the entropy of
the chain of thought, so that exploration inside the thought is rewarded while the answer stays
judged by the reward alone:

    E_i  = mean over the thought tokens of the old policy's full-vocabulary entropy    (Eq. 4)
    A_i' = A_i + min(lam * E_i, |A_i| / alpha)                                          (Eq. 5)

The bonus is never negative and, clipped with alpha > 1, never turns the sign of A_i: |A_i'| lies
within [(1 - 1/alpha) |A_i|, (1 + 1/alpha) |A_i|].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from egpo_verl.advantage.grpo import finite_scores, group_numbers, grpo_scalars
from egpo_verl.advantage.metrics import Figures, batch_metrics, turn_metrics
from egpo_verl.advantage.options import EgpoOptions
from egpo_verl.advantage.passes import MaskedSums, masked_sums, row_blocks, spread
from egpo_verl.advantage.sessions import Sessions


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


def egpo(
    token_level_rewards: torch.Tensor,
    response_mask: torch.Tensor,
    index: np.ndarray,
    entropy: torch.Tensor,
    cot_mask: torch.Tensor,
    config: Mapping[str, Any] | None = None,
    epsilon: float = 1e-6,
    **_: Any,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The estimator with verl's keyword arguments (verl/trainer/ppo/core_algos.py) and two more.

    Args:
        token_level_rewards: (bs, len) float, summed over tokens to the reward of a response.
        response_mask: (bs, len), 1 on the tokens that the policy generated.
        index: (bs,) labels; rows with the same label form a group.
        entropy: (bs, len) float, full-vocabulary entropy of the old policy per token, in nats.
        cot_mask: (bs, len) bool, True on thought tokens (`egpo_verl.cot.cot_mask`).
        config: verl's `algorithm` node: `egpo` and `norm_adv_by_std_in_grpo` are read.
        epsilon: added to the standard deviation, as verl does.

    Returns:
        advantages and returns, both (bs, len) float32; the same tensor, as in verl's GRPO.

    Example:
        >>> import numpy as np, torch
        >>> rewards = torch.tensor([[0.0, 1.0], [0.0, 0.0]])
        >>> ones = torch.ones(2, 2)
        >>> thought = torch.tensor([[True, False], [True, False]])
        >>> advantages, _ = egpo(rewards, ones, np.array(["a", "a"]), ones, thought)
        >>> advantages[:, 0]  # A = +-0.7071 and the bonus is min(0.4 * 1, 0.3536)
        tensor([ 1.0607, -0.3536])
    """
    settings = config or {}
    result = egpo_advantage(
        token_level_rewards,
        response_mask,
        index,
        entropy,
        cot_mask,
        options=EgpoOptions.from_mapping(settings.get("egpo")),
        norm_by_std=settings.get("norm_adv_by_std_in_grpo", True),
        epsilon=epsilon,
    )
    return result.advantages, result.advantages


@torch.no_grad()
def egpo_advantage(
    token_level_rewards: torch.Tensor,
    response_mask: torch.Tensor,
    index: np.ndarray,
    entropy: torch.Tensor,
    cot_mask: torch.Tensor,
    options: EgpoOptions,
    norm_by_std: bool = True,
    epsilon: float = 1e-6,
    sessions: Sessions | None = None,
) -> EgpoAdvantage:
    """As `egpo`, with everything that the result is made of; see there for the arguments.

    Raises:
        NotFinite: a reward that is not finite.
        ValueError: shapes that differ, or an entropy that is not finite on a counted token.
    """
    _check_shapes(token_level_rewards, response_mask, entropy, cot_mask)
    scope = response_mask if options.cot_scope == "response" else cot_mask
    sums = masked_sums(entropy, scope, response_mask)
    # Over several turns E is that of the rollout, or of each message alone.
    mean_entropy = _mean_entropy(sums, None if options.granularity == "turn" else sessions)
    scores = finite_scores(token_level_rewards)
    groups = group_numbers(index, scores.device)
    base = _base_advantage(scores, groups, norm_by_std, epsilon, sessions)

    if options.granularity == "token":
        advantages, bonus, clipped = _per_token(base, entropy, scope, response_mask, options)
        bonus, clipped = (part / sums.counts.clamp_min(1) for part in (bonus, clipped))
    else:
        bonus, was_clipped = entropy_bonus(base, mean_entropy, options)
        advantages = spread(base + bonus, response_mask)
        clipped = was_clipped.float()

    rows = Figures(base, mean_entropy, bonus, clipped, sums.counts, sums.real, scores, groups)
    metrics = batch_metrics(rows, sessions) | turn_metrics(sums, sessions)
    return EgpoAdvantage(advantages, base, mean_entropy, bonus, clipped, sums.counts, metrics)


def _per_token(
    base: torch.Tensor,
    entropy: torch.Tensor,
    scope: torch.Tensor,
    response_mask: torch.Tensor,
    options: EgpoOptions,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Eq. 5 with each token's own entropy: A' (bs, len), and per row the sum of the bonuses and
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


def _check_shapes(rewards: torch.Tensor, *others: torch.Tensor) -> None:
    for other in others:
        if other.shape != rewards.shape:
            raise ValueError(
                f"EGPO needs tensors of one shape (rows, tokens), but got {tuple(rewards.shape)} "
                f"and {tuple(other.shape)}."
            )


def _mean_entropy(sums: MaskedSums, sessions: Sessions | None) -> torch.Tensor:
    """Eq. 4; a response without a thought (W = 0) has E = 0."""
    totals, counts = sums.totals, sums.counts
    if not torch.isfinite(totals).all():
        raise ValueError(
            "The entropy of the old policy is not finite on thought tokens: the model's logits "
            "overflowed or hold NaN. Lower the learning rate or compute logits in float32."
        )
    if sessions is not None:
        totals = sessions.sum(totals)[sessions.of_row]
        counts = sessions.sum(counts)[sessions.of_row]
    return (totals / counts.clamp_min(1)).clamp_min(0.0)


def _base_advantage(
    scores: torch.Tensor,
    groups: torch.Tensor,
    norm_by_std: bool,
    epsilon: float,
    sessions: Sessions | None,
) -> torch.Tensor:
    if sessions is None:
        return grpo_scalars(scores, groups, norm_by_std, epsilon)
    final = sessions.final_row
    return grpo_scalars(scores[final], groups[final], norm_by_std, epsilon)[sessions.of_row]
