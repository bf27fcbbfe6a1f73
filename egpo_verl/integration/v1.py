"""verl's v1 trainer (0.9.0 on): the old policy's entropy reaches the estimator.

verl computes the entropy of every response token in the old-log-prob pass and stores it in
TransferQueue, but `PPOTrainer._compute_advantage` (verl/trainer/ppo/v1/trainer_base.py:1743 in
0.9.1) does not fetch it. What runs in
its place fetches what is missing, 12 bytes a response token, keeps it in a `Batch` while verl's
method runs, and adds the metrics. All trainer modes share that method.

It can go when verl selects `entropy`, `responses` and `prompts` there and passes the batch to
registered estimators, as it does for `gdpo`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from egpo_verl.advantage import NotFinite, Sessions
from egpo_verl.inspect.schema import EPISODE
from egpo_verl.integration import record
from egpo_verl.integration.batch import PROMPT_END, Batch, handing_over
from egpo_verl.integration.episodes import episode_metrics
from egpo_verl.integration.hooks import is_egpo
from egpo_verl.integration.metrics import index_of, returned_by_reward, reward_metrics
from egpo_verl.integration.record_table import Responses


def compute_advantage(
    stock: Callable[..., Any], trainer: Any, batch: Any, metrics: dict[str, Any]
) -> Any:
    """In place of `PPOTrainer._compute_advantage`; `batch` is a `KVBatchMeta`."""
    if not is_egpo(trainer.config):
        result = stock(batch, metrics)
        padding = [bool(tag.get("is_padding", False)) for tag in batch.tags]
        metrics.update(episode_metrics(_of_rollouts(batch, torch.tensor(padding).logical_not())))
        return result
    handed = _fetch(trainer, batch)
    try:
        with handing_over(handed):
            result = stock(batch, metrics)
    except NotFinite as error:
        raise NotFinite(f"{error} {_whose(batch, error.row)}", error.row) from error
    _report(trainer, batch, handed, metrics)
    return result


def _fetch(trainer: Any, batch: Any) -> Batch:
    """What verl's method does not fetch of a batch."""
    import transfer_queue as tq

    # Rejection sampling zeroes the mask that the estimator gets, and tags with it.
    rejects = (trainer.config.algorithm.get("rollout_correction") or {}).get("rollout_rs")
    fields = ["entropy", "responses", *(["response_mask"] if rejects else [])]
    rows = tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=fields)
    return Batch(
        entropy=rows["entropy"].to_padded_tensor(0.0),
        responses=rows["responses"].to_padded_tensor(0),
        prompt_ends=_prompt_ends(batch),
        tokenizer=trainer.tokenizer,
        sessions=sessions(batch.keys),
        generated=rows["response_mask"].to_padded_tensor(0) if rejects else None,
    )


def _prompt_ends(batch: Any) -> list[torch.Tensor]:
    """The last tokens of each row's prompt: a group's first prompt is read once, and the later
    prompts of agent loops, which differ from rollout to rollout, each."""
    import transfer_queue as tq

    prompt_of = [_parts(key)[0] if _parts(key)[2] == "0" else key for key in batch.keys]
    first = dict(zip(reversed(prompt_of), reversed(batch.keys), strict=True))
    rows = tq.kv_batch_get(
        keys=list(first.values()), partition_id=batch.partition_id, select_fields=["prompts"]
    )
    ends = [ids[-PROMPT_END:] for ids in rows["prompts"].unbind()]
    end_of = dict(zip(first, ends, strict=True))
    return [end_of[prompt] for prompt in prompt_of]


def _of_rollouts(batch: Any, real: torch.Tensor) -> list[Any]:
    """The `extra_fields` of the last row of each rollout, without verl's padding."""
    import transfer_queue as tq

    several = sessions(batch.keys)
    rows = torch.arange(len(batch.keys)) if several is None else several.final_row
    keys = [batch.keys[row] for row in rows.tolist() if real[row]]
    if not keys:
        return []
    data = tq.kv_batch_get(
        keys=keys, partition_id=batch.partition_id, select_fields=["extra_fields"]
    )
    return list(data["extra_fields"]) if "extra_fields" in set(data.keys()) else [{} for _ in keys]


def _report(trainer: Any, batch: Any, handed: Batch, metrics: dict[str, Any]) -> None:
    if handed.advantage is None or handed.real is None:
        raise RuntimeError("verl computed its advantages without calling adv_estimator=egpo.")
    rollouts = _of_rollouts(batch, handed.real)
    metrics.update(handed.advantage.metrics)
    metrics.update(reward_metrics([returned_by_reward(fields) for fields in rollouts]))
    metrics.update(episode_metrics(rollouts))
    metrics["egpo/failed_rollouts"] = _missing(trainer, batch)
    options = record.RecordOptions.of(trainer.config.algorithm)
    if options.folder is not None:
        rows_of = record.whole_groups([_parts(key)[0] for key in batch.keys], handed.real, options)
        record.save(trainer, handed, rows_of, _responses(batch, rows_of, handed), options)


def _returned(rows: Any, number: int) -> list[Mapping[str, Any]]:
    """What the reward returned for each of `number` rows of the queue."""
    if "extra_fields" not in set(rows.keys()):
        return [{}] * number
    return [returned_by_reward(fields) for fields in rows["extra_fields"]]


def _missing(trainer: Any, batch: Any) -> int:
    """Rollouts that this update asked for and that failed: verl leaves them out of the batch."""
    config = trainer.config
    updates: int = getattr(trainer, "parameter_sync_step", 1)
    prompts: int = config.data.train_batch_size // updates
    expected: int = prompts * config.actor_rollout_ref.rollout.n
    there = {
        key.rsplit("_", 1)[0]
        for key, tag in zip(batch.keys, batch.tags, strict=True)
        if not tag.get("is_padding", False)
    }
    return max(0, expected - len(there))


def _responses(batch: Any, rows: Sequence[int], handed: Batch) -> Responses:
    """What TransferQueue holds of some rows; the mask as it was before any token was rejected."""
    import transfer_queue as tq

    keys = [batch.keys[row] for row in rows]
    data = tq.kv_batch_get(
        keys=keys,
        partition_id=batch.partition_id,
        select_fields=[*record.TOKEN_FIELDS, *record.ROW_FIELDS, "extra_fields"],
    )
    there = set(data.keys())
    listed = {name: list(data[name]) for name in record.ROW_FIELDS if name in there}
    if "extra_fields" in there:
        listed[EPISODE] = [
            fields.get(EPISODE) if isinstance(fields, Mapping) else None
            for fields in data["extra_fields"]
        ]
    tokens = {name: list(data[name].unbind()) for name in record.TOKEN_FIELDS}
    if handed.generated is not None:
        masks = zip(rows, tokens["responses"], strict=True)
        tokens["response_mask"] = [handed.generated[row, : len(ids)] for row, ids in masks]
    return Responses(keys, tokens, listed, _returned(data, len(keys)))


def _whose(batch: Any, row: int) -> str:
    """Which row of the data a response answers."""
    import transfer_queue as tq

    data = tq.kv_batch_get(
        keys=[batch.keys[row]],
        partition_id=batch.partition_id,
        select_fields=["data_source", "extra_info"],
    )
    of_row = {name: next(iter(data[name])) for name in set(data.keys())}
    source = of_row.get("data_source")
    return f"It is the answer to row {index_of(of_row.get('extra_info'))} of data_source={source}."


def sessions(keys: Sequence[str]) -> Sessions | None:
    """The rollout behind each row's key, `{uid}_{session}_{index}` (verl's agent_loop_tq.py).

    None where each rollout has one row, which is the case for every single-output agent loop.
    """
    parts = [_parts(key) for key in keys]
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
        turn_of_row=torch.tensor([int(index) for _, _, index in parts]),
    )


def _parts(key: str) -> tuple[str, str, str]:
    uid, session, output = key.rsplit("_", 2)
    return uid, session, output
