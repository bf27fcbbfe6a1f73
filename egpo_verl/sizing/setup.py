"""What of verl's configuration decides how much memory and time a run takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egpo_verl.errors import UserError
from egpo_verl.sizing.shapes import SHAPES, Shape

USABLE_GIB = {24: 23.5, 48: 44.4, 80: 79.1, 141: 139.0}
"""Memory that the driver leaves of a GPU sold as so many GB: RTX 4090, L40S, H100, H200."""


class SizingError(UserError):
    """A configuration that cannot be sized; the message says why, and what is known."""


@dataclass(frozen=True)
class Setup:
    """A run's model, hardware and settings.

    Attributes:
        model: its hub name.
        shape: its numbers.
        gpus: GPUs in all.
        gpu_gb: memory of each as it is sold, a key of `USABLE_GIB`.
        megatron: trained by Megatron, and not by FSDP.
        offload: weights, gradients and Adam's state leave the GPU while the rollout works.
        lora_rank: 0 where all weights are trained.
        tokens: of a micro-batch on one GPU (`ppo_max_token_len_per_gpu`).
        sequence_parallel: GPUs that share a sequence (FSDP: Ulysses).
        tensor_parallel, pipeline_parallel, expert_parallel: Megatron's sizes.
        rollout_parallel: GPUs that serve one replica of the rollout.
        rollout_share: of a GPU that the rollout takes (`gpu_memory_utilization`).
        rollout_sequences: at most so many at once on a replica (`max_num_seqs`).
        prompt, response: longest lengths in tokens.
        prompts: of a step.
        responses: to a prompt.
        epochs: over the data.
        datasets: names of the folders that the training files lie in.
    """

    model: str
    shape: Shape
    gpus: int
    gpu_gb: int
    megatron: bool
    offload: bool
    lora_rank: int
    tokens: int
    sequence_parallel: int
    tensor_parallel: int
    pipeline_parallel: int
    expert_parallel: int
    rollout_parallel: int
    rollout_share: float
    rollout_sequences: int
    prompt: int
    response: int
    prompts: int
    responses: int
    epochs: int
    datasets: tuple[str, ...]

    @property
    def gpu_gib(self) -> float:
        """GiB of one GPU that can be used."""
        return USABLE_GIB[self.gpu_gb]

    @property
    def longest(self) -> int:
        """Tokens of the longest sequence."""
        return self.prompt + self.response


def setup_of(config: Any, gpu_gb: int) -> Setup:
    """Read verl's whole configuration, for GPUs of `gpu_gb` GB.

    Raises:
        SizingError: a model or a GPU that is not in the tables.
    """
    actor, rollout = config.actor_rollout_ref.actor, config.actor_rollout_ref.rollout
    model = config.actor_rollout_ref.model
    if model.path not in SHAPES:
        raise SizingError(
            f"{model.path} is no model whose shape is known here: add it to "
            f"egpo_verl/sizing/shapes.py; there are {', '.join(SHAPES)}."
        )
    if gpu_gb not in USABLE_GIB:
        known = ", ".join(map(str, USABLE_GIB))
        raise SizingError(f"no GPU of {gpu_gb} GB is known here; there are {known} GB.")
    megatron = actor.strategy == "megatron"
    engine = actor.megatron if megatron else actor.fsdp_config
    return Setup(
        model=model.path,
        shape=SHAPES[model.path],
        gpus=config.trainer.nnodes * config.trainer.n_gpus_per_node,
        gpu_gb=gpu_gb,
        megatron=megatron,
        offload=engine.param_offload and engine.optimizer_offload,
        lora_rank=model.lora_rank,
        tokens=actor.ppo_max_token_len_per_gpu,
        sequence_parallel=1 if megatron else actor.ulysses_sequence_parallel_size,
        tensor_parallel=engine.tensor_model_parallel_size if megatron else 1,
        pipeline_parallel=engine.pipeline_model_parallel_size if megatron else 1,
        expert_parallel=engine.expert_model_parallel_size if megatron else 1,
        rollout_parallel=rollout.tensor_model_parallel_size,
        rollout_share=rollout.gpu_memory_utilization,
        rollout_sequences=rollout.max_num_seqs,
        prompt=config.data.max_prompt_length,
        response=config.data.max_response_length,
        prompts=config.data.train_batch_size,
        responses=rollout.n,
        epochs=config.trainer.total_epochs,
        datasets=tuple(Path(file).parent.name for file in _names(config.data.train_files)),
    )


def _names(given: Any) -> list[str]:
    return [given] if isinstance(given, str) else list(given)
