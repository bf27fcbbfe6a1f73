"""What decides how much memory and time a run takes: model, GPUs, and some settings of verl."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from egpo_verl.sizing.model import Shape

A, R = "actor_rollout_ref.actor", "actor_rollout_ref.rollout"


@dataclass(frozen=True)
class Gpu:
    """A GPU by its data sheet, and the memory that its driver leaves."""

    name: str
    gib: float
    operations: float  # dense bfloat16 operations a second
    bandwidth: float  # bytes a second of its memory


GPUS = {
    24: Gpu("RTX 4090", 23.5, 165e12, 1.01e12),
    40: Gpu("A100", 39.4, 312e12, 1.56e12),
    48: Gpu("L40S", 44.4, 362e12, 0.86e12),
    80: Gpu("H100", 79.1, 989e12, 3.35e12),
    141: Gpu("H200", 139.0, 989e12, 4.8e12),
}
"""By the GB that they are sold with."""


def knob(default: Any, about: str, key: str | None = None) -> Any:
    """A field that is an option of the command, a knob of the recipes, and `key` of verl."""
    return field(default=default, metadata={"about": about, "key": key})


@dataclass(frozen=True)
class Setup:
    """A run; the defaults are those of the recipes and of the paper's group."""

    model: str
    shape: Shape
    gpu: Gpu
    gpus: int = 8
    rows: int = knob(57_000, "rows of training data; the default is xLAM's")
    mean_response: int = knob(350, "mean tokens of a response, a guess that decides the hours")
    max_prompt_length: int = knob(4096, "tokens of the longest prompt", "data.max_prompt_length")
    max_response_length: int = knob(8192, "and of a response", "data.max_response_length")
    train_batch_size: int = knob(1024, "prompts of a step", "data.train_batch_size")
    rollout_n: int = knob(8, "responses to a prompt", f"{R}.n")
    total_epochs: int = knob(5, "over the data", "trainer.total_epochs")
    ppo_max_token_len_per_gpu: int = knob(
        16_384, "tokens of a micro-batch on one GPU", f"{A}.ppo_max_token_len_per_gpu"
    )
    lora_rank: int = knob(0, "of LoRA; 0 trains all weights", "actor_rollout_ref.model.lora_rank")
    offload: bool = knob(False, "move weights and Adam to the host during the rollout")
    ulysses_sp: int = knob(1, "GPUs that share a sequence", f"{A}.ulysses_sequence_parallel_size")
    megatron: bool = knob(False, "train by Megatron, and not by FSDP2")
    actor_tp: int = knob(1, "tensor parallel", f"{A}.megatron.tensor_model_parallel_size")
    actor_pp: int = knob(1, "pipeline parallel", f"{A}.megatron.pipeline_model_parallel_size")
    actor_ep: int = knob(1, "expert parallel", f"{A}.megatron.expert_model_parallel_size")
    rollout_tp: int = knob(1, "GPUs of a replica", f"{R}.tensor_model_parallel_size")
    rollout_gpu_mem_util: float = knob(0.6, "share of a GPU", f"{R}.gpu_memory_utilization")
    rollout_max_num_seqs: int = knob(256, "sequences at once on a replica", f"{R}.max_num_seqs")

    @property
    def longest(self) -> int:
        """Tokens of the longest sequence."""
        return self.max_prompt_length + self.max_response_length

    @property
    def steps(self) -> int:
        """Steps of the whole run, of whole batches."""
        return self.rows // self.train_batch_size * self.total_epochs

    @property
    def engine(self) -> str:
        """What trains."""
        return "Megatron" if self.megatron else "FSDP2"


KNOBS = [each for each in fields(Setup) if each.metadata]
