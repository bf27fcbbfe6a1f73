"""`PPOTrainer._compute_advantage` of a release's v1 trainer, over a real TransferQueue."""

from __future__ import annotations

from typing import Any

import ray
import torch
from rows import ROLLOUTS, Rows
from tensordict import NonTensorStack, TensorDict


def step(config: Any, rows: Rows) -> tuple[torch.Tensor, dict[str, Any]]:
    """Advantages (bs, len), and what the trainer would log."""
    import transfer_queue as tq
    from verl.trainer.ppo.v1.trainer_sync import PPOTrainerSync

    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    tq.init(config.transfer_queue)
    try:
        trainer = object.__new__(PPOTrainerSync)
        trainer.config, trainer.tokenizer = config, rows.tokenizer
        trainer.parameter_sync_step = 1
        keys = [f"{uid}_{row % ROLLOUTS}_0" for row, uid in enumerate(rows.uids)]
        meta = tq.kv_batch_put(
            keys=keys,
            partition_id="train",
            fields=TensorDict(fields_of(rows), batch_size=len(keys)),
            tags=[{"is_padding": False}] * len(keys),
        )
        metrics: dict[str, Any] = {}
        trainer._compute_advantage(meta, metrics)
        stored = tq.kv_batch_get(keys=keys, partition_id="train", select_fields=["advantages"])
        return stored["advantages"].to_padded_tensor(0.0), metrics
    finally:
        tq.close()
        ray.shutdown()


def fields_of(rows: Rows) -> dict[str, Any]:
    count = len(rows.responses)

    def nested(values: list[torch.Tensor]) -> torch.Tensor:
        return torch.nested.as_nested_tensor(values, layout=torch.jagged)

    def cut(values: torch.Tensor) -> torch.Tensor:
        pairs = zip(values, rows.responses, strict=True)
        return nested([value[: len(response)] for value, response in pairs])

    return {
        "uid": NonTensorStack(*rows.uids.tolist()),
        "prompts": nested(rows.prompts),
        "responses": nested(rows.responses),
        "response_mask": cut(rows.mask),
        "rm_scores": cut(rows.scores),
        "old_log_probs": cut(rows.old_log_probs),
        "rollout_log_probs": cut(rows.old_log_probs),
        "entropy": cut(rows.entropy),
        "data_source": NonTensorStack(*["toolworld"] * count),
        "extra_info": NonTensorStack(*[{"index": row} for row in range(count)]),
        "extra_fields": NonTensorStack(*[{"reward_extra_info": {"acc": 1.0}}] * count),
    }
