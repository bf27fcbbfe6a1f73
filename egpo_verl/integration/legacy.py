"""verl's legacy trainer (`RayPPOTrainer`: 0.7.0 to 0.8.0, and `trainer.use_v1=False` since).

`fit` drops the entropies that `_compute_old_log_prob` returns before it calls `compute_advantage`
(verl/trainer/ppo/ray_trainer.py:1601 in 0.9.1). Here the first keeps them in this process, the
second hands them to the estimator, and `compute_data_metrics` logs what came out, because `fit`'s
dictionary of metrics is its own. fully_async and one_step_off derive from this trainer.

It can go when verl leaves `entropys` in the batch and passes the batch to registered estimators.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from egpo_verl.advantage import NotFinite
from egpo_verl.integration import record
from egpo_verl.integration.batch import PROMPT_END, Batch, handing_over
from egpo_verl.integration.metrics import index_of, reward_metrics
from egpo_verl.integration.record_table import Responses


@dataclass
class OldPolicy:
    """What the old-log-prob pass of a step returned, kept until the advantages are computed."""

    trainer: Any
    old_log_probs: torch.Tensor
    entropy: torch.Tensor
    generated: torch.Tensor | None


@dataclass
class Step:
    """What one step passes on between three calls of verl, which run one after the other."""

    policy: OldPolicy | None = None
    metrics: dict[str, Any] = field(default_factory=dict)


_step = Step()


def compute_old_log_prob(
    stock: Callable[..., Any], trainer: Any, batch: Any, *args: Any, **kwargs: Any
) -> Any:
    """In place of `RayPPOTrainer._compute_old_log_prob`; `batch` is a `DataProto`."""
    result = stock(batch, *args, **kwargs)
    output = result[0]  # beside the model's utilisation, in every release from 0.7.0 to 0.9.1
    _step.policy = OldPolicy(
        trainer,
        output.batch["old_log_probs"],
        output.batch["entropys"],
        batch.batch.get("response_mask", None),
    )
    return result


def compute_advantage(
    stock: Callable[..., Any], data: Any, adv_estimator: Any, *args: Any, **kwargs: Any
) -> Any:
    """In place of `verl.trainer.ppo.ray_trainer.compute_advantage`.

    The v1 trainer calls it too, inside its own adapter, and keeps nothing here.
    """
    policy, _step.policy = _step.policy, None
    if policy is None:
        return stock(data, adv_estimator, *args, **kwargs)
    batch = _batch_of(data, policy)
    try:
        with handing_over(batch):
            result = stock(data, adv_estimator, *args, **kwargs)
    except NotFinite as error:
        raise NotFinite(f"{error} {_whose(data, error.row)}", error.row) from error
    _step.metrics = _report(policy.trainer, data, batch)
    return result


def compute_data_metrics(stock: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """In place of `verl.trainer.ppo.metric_utils.compute_data_metrics`, once a step."""
    metrics, _step.metrics = _step.metrics, {}
    return {**stock(*args, **kwargs), **metrics}


def _batch_of(data: Any, policy: OldPolicy) -> Batch:
    """The rows of `data`, a `DataProto`, with the entropy that was computed for them.

    Raises:
        RuntimeError: the rows are not those that the old-log-prob pass saw.
    """
    there = data.batch["old_log_probs"]
    if there is not policy.old_log_probs and not torch.equal(there, policy.old_log_probs):
        raise RuntimeError(
            "adv_estimator=egpo: the batch is not the one whose entropies were computed; this "
            "trainer changes rows between old log probs and advantages, and EGPO cannot follow."
        )
    prompts = data.batch["prompts"]
    return Batch(
        entropy=policy.entropy,
        responses=data.batch["responses"],
        prompt_ends=list(prompts[:, -PROMPT_END:].unbind()),
        tokenizer=policy.trainer.tokenizer,
        generated=policy.generated,
    )


def _report(trainer: Any, data: Any, batch: Batch) -> dict[str, Any]:
    if batch.advantage is None or batch.real is None:
        raise RuntimeError("verl computed its advantages without calling adv_estimator=egpo.")
    rewards = _rewards(data)
    options = record.RecordOptions.of(trainer.config.algorithm)
    if options.folder is not None:
        rows = record.whole_groups(list(data.non_tensor_batch["uid"]), batch.real, options)
        record.save(trainer, batch, rows, _responses(data, batch, rewards, rows), options)
    real = [info for info, is_real in zip(rewards, batch.real.tolist(), strict=True) if is_real]
    return {**batch.advantage.metrics, **reward_metrics(real)}


def _rewards(data: Any) -> list[dict[str, Any]]:
    """What the reward returned for each row; verl spreads its keys over the batch's columns."""
    keys = [
        key for key in data.meta_info.get("reward_extra_keys") or () if key in data.non_tensor_batch
    ]
    columns = [list(data.non_tensor_batch[key]) for key in keys]
    return [dict(zip(keys, values, strict=True)) for values in zip(*columns, strict=True)] or [
        {} for _ in range(len(data))
    ]


def _responses(
    data: Any, batch: Batch, rewards: list[dict[str, Any]], rows: list[int]
) -> Responses:
    """What the batch holds of some rows; `rm_scores` are verl's token level scores here."""
    numbers: Counter[str] = Counter()
    keys = []
    for uid in map(str, data.non_tensor_batch["uid"]):
        keys.append(f"{uid}_{numbers[uid]}_0")
        numbers[uid] += 1
    mask = batch.generated if batch.generated is not None else data.batch["response_mask"]
    lengths = [_length(data.batch["attention_mask"][row, -mask.shape[1] :]) for row in rows]

    def cut(values: torch.Tensor) -> list[torch.Tensor]:
        return [values[row, :length] for row, length in zip(rows, lengths, strict=True)]

    return Responses(
        keys=[keys[row] for row in rows],
        tokens={
            "responses": cut(batch.responses),
            "response_mask": cut(mask),
            "rm_scores": cut(data.batch["token_level_scores"]),
        },
        fields={
            name: [data.non_tensor_batch[name][row] for row in rows]
            for name in record.ROW_FIELDS
            if name in data.non_tensor_batch
        },
        reward=[rewards[row] for row in rows],
    )


def _length(attention: torch.Tensor) -> int:
    """Tokens of a response up to its padding."""
    return int(attention.sum())


def _whose(data: Any, row: int) -> str:
    """Which row of the data a response answers."""
    columns = data.non_tensor_batch
    index = index_of(columns["extra_info"][row]) if "extra_info" in columns else None
    source = columns["data_source"][row] if "data_source" in columns else None
    return f"It is the answer to row {index} of data_source={source}."
