"""One step of a release's `RayPPOTrainer` or of a trainer that derives from it, from the old log
probs to the metrics, by the release's methods. Only the worker group is made up."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import torch
from rows import Rows


class Workers:
    """What `compute_log_prob` of the GPUs returns, for both kinds of batch that releases send."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows

    def compute_log_prob(self, batch: Any) -> Any:
        from verl.protocol import DataProto
        from verl.utils import tensordict_utils as tu

        values = {"log_probs": self.rows.old_log_probs, "entropy": self.rows.entropy}
        if isinstance(batch, DataProto):
            named = {"old_log_probs": values["log_probs"], "entropys": values["entropy"]}
            return DataProto.from_dict({name: value.clone() for name, value in named.items()})
        nested = {name: self.over_sequences(value) for name, value in values.items()}
        return tu.get_tensordict(nested, {"metrics": {"mfu": 0.1}})

    def over_sequences(self, values: torch.Tensor) -> torch.Tensor:
        """(bs, len) of responses to the nested shape of a model's output: a value stands at the
        token before the one that it belongs to."""
        sequences = []
        for prompt, response, row in zip(
            self.rows.prompts, self.rows.responses, values, strict=True
        ):
            sequence = torch.full((len(prompt) + len(response),), 0.5)
            sequence[len(prompt) - 1 : -1] = row[: len(response)]
            sequences.append(sequence)
        return torch.nested.as_nested_tensor(sequences, layout=torch.jagged)

    def __getattr__(self, name: str) -> Any:
        """fully_async moves weights to and fro."""
        if name.endswith(("_to_cpu", "_from_cpu", "_cpu_model")):
            return lambda *_: None
        raise AttributeError(name)


def pack_without_flash_attn() -> None:
    """Releases before 0.9.1 pack rows by functions of flash-attn, which is built for GPUs only; the
    same functions in plain torch are transformers' own."""
    if "flash_attn" in sys.modules or importlib.util.find_spec("flash_attn"):
        return
    from transformers import modeling_flash_attention_utils as plain

    padding = ModuleType("flash_attn.bert_padding")
    for name in ("index_first_axis", "pad_input", "unpad_input"):
        setattr(padding, name, getattr(plain, f"_{name}"))
    padding.__dict__["rearrange"] = None
    sys.modules["flash_attn.bert_padding"] = padding
    sys.modules["flash_attn"] = ModuleType("flash_attn")


def trainer_of(path: str, config: Any, rows: Rows) -> Any:
    """A trainer without model, data or cluster, by the `module:class` of a release."""
    module, _, name = path.partition(":")
    made = getattr(importlib.import_module(module), name)
    if hasattr(made, "__ray_metadata__"):
        made = made.__ray_metadata__.modified_class
    trainer = object.__new__(made)
    trainer.config, trainer.tokenizer = config, rows.tokenizer
    trainer.actor_rollout_wg = Workers(rows)
    trainer.use_critic = trainer.use_reference_policy = trainer.use_rm = False
    trainer.use_legacy_worker_impl = config.trainer.get("use_legacy_worker_impl", "auto")
    trainer.metrics, trainer.timing_raw = {}, {"step": 1.0, "gen": 1.0}
    trainer.resource_pool_manager = SimpleNamespace(get_n_gpus=lambda: 1)
    trainer.reward_tensor, trainer.reward_extra_infos_dict = rows.scores, {"acc": [1.0, 0.0] * 6}
    trainer.local_trigger_step = 1
    return trainer


def batch_of(rows: Rows) -> Any:
    from verl.protocol import DataProto

    sampled = {"rollout_log_probs": rows.old_log_probs}
    batch = DataProto.from_dict(rows.padded() | sampled, {"uid": rows.uids})
    batch.meta_info["global_token_num"] = rows.mask.sum(dim=1).tolist()
    batch.meta_info["temperature"] = 1.0
    return batch


def step(path: str, config: Any, rows: Rows) -> tuple[torch.Tensor, dict[str, Any]]:
    """Advantages (bs, len), and what the trainer would log."""
    trainer, batch = trainer_of(path, config, rows), batch_of(rows)
    pack_without_flash_attn()
    if hasattr(trainer, "_fit_compute_advantage"):
        batch = trainer._fit_compute_log_prob(batch)
        batch = trainer._fit_compute_advantage(batch)
        trainer._fit_collect_metrics(batch)
        return batch.batch["advantages"], trainer.metrics
    # What `fit` of `RayPPOTrainer` does, line by line, in every release.
    from verl.trainer.ppo import ray_trainer

    output, _ = trainer._compute_old_log_prob(batch)
    output.batch.pop("entropys")
    batch = batch.union(output)
    batch.batch["token_level_scores"] = rows.scores
    batch.batch["token_level_rewards"] = rows.scores
    batch = ray_trainer.compute_advantage(
        batch,
        adv_estimator=config.algorithm.adv_estimator,
        gamma=config.algorithm.gamma,
        lam=config.algorithm.lam,
        num_repeat=config.actor_rollout_ref.rollout.n,
        norm_adv_by_std_in_grpo=config.algorithm.norm_adv_by_std_in_grpo,
        config=config.algorithm,
    )
    return batch.batch["advantages"], ray_trainer.compute_data_metrics(batch, use_critic=False)
