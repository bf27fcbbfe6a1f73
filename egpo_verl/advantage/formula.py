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
from typing import Any

import numpy as np
import torch

from egpo_verl.advantage.bonus import bonus_per_token, entropy_bonus
from egpo_verl.advantage.grpo import finite_scores, group_numbers, grpo_scalars
from egpo_verl.advantage.metrics import Figures, batch_metrics, turn_metrics
from egpo_verl.advantage.options import EgpoOptions, settings_of
from egpo_verl.advantage.passes import MaskedSums, masked_sums, spread
from egpo_verl.advantage.result import EgpoAdvantage
from egpo_verl.advantage.sessions import Sessions


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
    options, norm_by_std = settings_of(config)
    tensors = (token_level_rewards, response_mask, index, entropy, cot_mask)
    result = egpo_advantage(*tensors, options, norm_by_std, epsilon)
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
        advantages, bonus, clipped = bonus_per_token(base, entropy, scope, response_mask, options)
        bonus, clipped = (part / sums.counts.clamp_min(1) for part in (bonus, clipped))
    else:
        bonus, was_clipped = entropy_bonus(base, mean_entropy, options)
        advantages = spread(base + bonus, response_mask)
        clipped = was_clipped.float()

    rows = Figures(base, mean_entropy, bonus, clipped, sums.counts, sums.real, scores, groups)
    metrics = batch_metrics(rows, sessions) | turn_metrics(sums, sessions)
    return EgpoAdvantage(advantages, base, mean_entropy, bonus, clipped, sums.counts, metrics)


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
