"""What verl finds under the name `egpo` in its registry of estimators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from egpo_verl.advantage import egpo_advantage, settings_of
from egpo_verl.cot import cot_mask as mask_of_thought
from egpo_verl.integration.batch import Batch, current


def estimator(
    token_level_rewards: torch.Tensor,
    response_mask: torch.Tensor,
    index: np.ndarray,
    config: Mapping[str, Any] | None = None,
    entropy: torch.Tensor | None = None,
    cot_mask: torch.Tensor | None = None,
    **_: Any,
) -> tuple[torch.Tensor, torch.Tensor]:
    """`egpo_verl.advantage.egpo` where `entropy` and `cot_mask` are passed; inside a trainer of
    verl both come from its adapter. See there for the other arguments and the result.

    Raises:
        RuntimeError: neither passed nor handed over, because the trainer has no adapter or skipped
            the pass that computes the entropy.
    """
    batch = current()
    if entropy is None or cot_mask is None:
        if batch is None:
            raise RuntimeError(_no_entropy(config or {}))
        entropy, cot_mask = batch.entropy, _thought(batch, response_mask)
    else:
        batch = None
    options, norm_by_std = settings_of(config)
    tensors = (token_level_rewards, response_mask, index, entropy, cot_mask)
    sessions = batch.sessions if batch else None
    result = egpo_advantage(*tensors, options, norm_by_std, sessions=sessions)
    if batch is not None:
        batch.thought, batch.advantage = cot_mask, result
        # Tokens that rejection sampling took out of verl's mask were generated all the same.
        generated = response_mask if batch.generated is None else batch.generated
        batch.real = generated.any(dim=-1)
    return result.advantages, result.advantages


def _thought(batch: Batch, response_mask: torch.Tensor) -> torch.Tensor:
    generated = response_mask if batch.generated is None else batch.generated
    return mask_of_thought(batch.tokenizer, batch.responses, generated, batch.prompt_ends)


def _no_entropy(settings: Mapping[str, Any]) -> str:
    if (settings.get("rollout_correction") or {}).get("bypass_mode", False):
        return (
            "adv_estimator=egpo needs the entropy of the old policy, and "
            "algorithm.rollout_correction.bypass_mode=True skips the pass that computes it: "
            "set algorithm.rollout_correction.bypass_mode=False."
        )
    return (
        "adv_estimator=egpo got no entropy of the old policy: this trainer is none that egpo_verl "
        "knows. Run python -m verl.trainer.main_ppo, or pass entropy=... and cot_mask=... yourself."
    )
