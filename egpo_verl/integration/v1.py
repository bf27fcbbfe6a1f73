"""The one hook into verl's trainer: the old policy's entropy reaches the estimator.

verl 0.9.1 computes the entropy of every response token in the old-log-prob pass and stores it in
TransferQueue, but `PPOTrainer._compute_advantage` (verl/trainer/ppo/v1/trainer_base.py:1743) does
not fetch it, and `compute_advantage` (verl/trainer/ppo/ray_trainer.py:248) hands a registered
estimator only rewards, mask, group labels and config. So `_compute_advantage` is wrapped: for
`adv_estimator=egpo` the wrapper fetches what is missing, keeps it in a context variable while
verl's own method runs, and adds the metrics. All trainer modes (sync, colocate_async,
separate_async) inherit that method. For every other estimator it calls straight through.

The hook can go when verl selects `entropy`, `responses` and `prompts` in `_compute_advantage` and
passes the batch to registered estimators, as it already does for `gdpo`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import torch
import wrapt

from egpo_verl.advantage import EgpoAdvantage, Sessions, egpo_advantage
from egpo_verl.advantage.options import EgpoOptions
from egpo_verl.cot import cot_mask
from egpo_verl.integration.faults import located
from egpo_verl.integration.preflight import check_config
from egpo_verl.integration.record import dump

ESTIMATOR = "egpo"


@dataclass
class OldPolicy:
    """What the hook hands to the estimator; `result` is what the estimator hands back."""

    entropy: torch.Tensor
    cot_mask: torch.Tensor
    sessions: Sessions | None
    result: EgpoAdvantage | None = None


_old_policy: ContextVar[OldPolicy | None] = ContextVar("egpo_old_policy", default=None)


def estimator(
    token_level_rewards: torch.Tensor,
    response_mask: torch.Tensor,
    index: np.ndarray,
    config: Mapping[str, Any] | None = None,
    entropy: torch.Tensor | None = None,
    cot_mask: torch.Tensor | None = None,
    **_: Any,
) -> tuple[torch.Tensor, torch.Tensor]:
    """What verl finds under the name `egpo`: `egpo_verl.advantage.egpo`, pure where `entropy` and
    `cot_mask` are given; inside verl's trainer both come from the hook.

    Raises:
        RuntimeError: neither given nor handed over, because a trainer that is not verl's v1
            `PPOTrainer` called it.
    """
    settings = config or {}
    handed = _old_policy.get()
    if entropy is None or cot_mask is None:
        if handed is None:
            raise RuntimeError(
                "adv_estimator=egpo got no entropy of the old policy: this trainer does not run "
                "verl's v1 PPOTrainer._compute_advantage. Use trainer.use_v1=True, or pass "
                "entropy=... and cot_mask=... yourself."
            )
    else:
        handed = OldPolicy(entropy, cot_mask, sessions=None)
    result = egpo_advantage(
        token_level_rewards,
        response_mask,
        index,
        handed.entropy,
        handed.cot_mask,
        options=EgpoOptions.from_mapping(settings.get("egpo")),
        norm_by_std=settings.get("norm_adv_by_std_in_grpo", True),
        sessions=handed.sessions,
    )
    handed.result = result
    return result.advantages, result.advantages


def hook(trainer_base: ModuleType) -> None:
    """Wrap verl's v1 `PPOTrainer`; a second call changes nothing."""
    if isinstance(trainer_base.PPOTrainer.__dict__["_compute_advantage"], wrapt.FunctionWrapper):
        return
    wrapt.wrap_function_wrapper(trainer_base, "PPOTrainer.__init__", _check_first)
    wrapt.wrap_function_wrapper(trainer_base, "PPOTrainer._compute_advantage", _hand_over)


def _check_first(wrapped: Callable[..., None], instance: Any, args: Any, kwargs: Any) -> None:
    config = kwargs["config"] if "config" in kwargs else args[0]
    if config.algorithm.adv_estimator == ESTIMATOR:
        check_config(config)
    wrapped(*args, **kwargs)


def _hand_over(wrapped: Callable[..., Any], trainer: Any, args: Any, kwargs: Any) -> Any:
    if trainer.config.algorithm.adv_estimator != ESTIMATOR:
        return wrapped(*args, **kwargs)
    return _compute_advantage(wrapped, trainer, *args, **kwargs)


def _compute_advantage(
    wrapped: Callable[..., Any], trainer: Any, batch: Any, metrics: dict[str, Any]
) -> Any:
    import transfer_queue as tq

    rows = tq.kv_batch_get(
        keys=batch.keys,
        partition_id=batch.partition_id,
        select_fields=["entropy", "response_mask", "responses", "prompts", "extra_fields"],
    )
    response_mask = rows["response_mask"].to_padded_tensor(0)
    thought = cot_mask(
        trainer.tokenizer,
        rows["responses"].to_padded_tensor(0),
        response_mask,
        rows["prompts"],
    )
    policy = OldPolicy(rows["entropy"].to_padded_tensor(0.0), thought, sessions(batch.keys))
    with _handed_over(policy):
        result = located(wrapped, trainer, batch, metrics)
    if policy.result is None:
        raise RuntimeError("verl computed its advantages without calling adv_estimator=egpo.")
    metrics.update(policy.result.metrics)
    if trainer.config.trainer.get("rollout_data_dir"):
        dump(trainer, batch, policy.entropy, policy.cot_mask, policy.result)
    real = response_mask.any(dim=-1).tolist()
    metrics.update(reward_metrics(list(rows["extra_fields"]), real))
    return result


@contextmanager
def _handed_over(policy: OldPolicy) -> Iterator[None]:
    token = _old_policy.set(policy)
    try:
        yield
    finally:
        _old_policy.reset(token)


def sessions(keys: Sequence[str]) -> Sessions | None:
    """The rollout behind each row's key, `{uid}_{session}_{index}` (verl's agent_loop_tq.py).

    None where each rollout has one row, which is the case for every single-output agent loop.
    """
    parts = [key.rsplit("_", 2) for key in keys]
    names = [f"{uid}_{session}" for uid, session, _ in parts]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    if len(numbers) == len(keys):
        return None
    last: dict[int, tuple[int, int]] = {}
    for row, (name, (_, _, index)) in enumerate(zip(names, parts, strict=True)):
        number = numbers[name]
        last[number] = max(last.get(number, (-1, -1)), (int(index), row))
    return Sessions(
        of_row=torch.tensor([numbers[name] for name in names]),
        final_row=torch.tensor([last[number][1] for number in range(len(numbers))]),
    )


def reward_metrics(
    extra_fields: Sequence[Mapping[str, Any]], real: Sequence[bool]
) -> dict[str, float]:
    """Means over the batch of the numbers that the reward returned, as `reward/<key>`.

    verl logs these for validation only. `reason` is a code, so its shares are logged instead, as
    `reward/reason_<code>`. `score` is left out: it is verl's `critic/score/mean`.
    """
    values: dict[str, list[float]] = {}
    for fields, is_real in zip(extra_fields, real, strict=True):
        for key, value in (fields.get("reward_extra_info") or {}).items() if is_real else ():
            if isinstance(value, (bool, int, float, np.number)):
                values.setdefault(key, []).append(float(value))
    means = {
        f"reward/{key}": sum(found) / len(found)
        for key, found in values.items()
        if key not in ("score", "reason")
    }
    codes = values.get("reason", [])
    shares = {f"reward/reason_{int(code)}": codes.count(code) / len(codes) for code in set(codes)}
    return means | shares
