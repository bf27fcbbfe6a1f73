"""Memory of one GPU at the two peaks of a step: the update, and the rollout.

A calculation, not a measurement: it names every term, takes the larger value where it is in doubt,
and leaves a margin. `b` below is bytes.

| term | FSDP2 (verl's dtypes) | Megatron |
|---|---|---|
| weights, gradients, Adam | 4 b + 4 b + 8 b a weight, over all GPUs | 2 b + 4 b a weight, over tensor, pipeline and expert parallel; 12 b more, also over data parallel |
| LoRA | 4 b a frozen weight; 16 b an adapter's | - |
| gathered | a layer and the embedding in bfloat16 (2 b), their gradients (2 b) and those in float32 (4 b), and the next layer (2 b) | - |
| activations | input of each layer (2 b), and one layer computed again, values and gradients | the same, over tensor parallel |
| logits | 4 copies in bfloat16: as computed, at the temperature, and both gradients | 3 copies in float32, over tensor parallel |
| reference policy | none: verl keeps it in host memory | none: param_offload |
| fixed | CUDA contexts, NCCL, what the sleeping rollout keeps, fragments | the same |

Rollout: its share of the GPU holds the weights in bfloat16, room to work, and keys and values; what
the training does not offload (weights and Adam) must fit beside it.
"""  # noqa: E501

from __future__ import annotations

from dataclasses import dataclass

from egpo_verl.sizing.model import Shape
from egpo_verl.sizing.setup import Setup

GIB = 2**30
FIXED_GIB = 5.0
"""Training: see the table."""
BESIDE_ROLLOUT_GIB = 2.5
"""Contexts and buffers of the training process while the rollout works."""
ROLLOUT_WORK_GIB = 4.0
"""Activations, CUDA graphs and sampling in the rollout's share."""
EXPERT_IMBALANCE = 2.0
"""Tokens that the busiest GPU's experts get, over the mean."""
MARGIN = 0.95
"""Part of a GPU that a plan may fill."""


@dataclass(frozen=True)
class Memory:
    """GiB of one GPU at both peaks, and what the rollout's cache holds."""

    parts: dict[str, float]  # which add up to the peak of the update
    rollout: float  # all while the rollout works
    cache_tokens: int  # whose keys and values a replica of the rollout holds
    available: float

    @property
    def update(self) -> float:
        """All at the peak of the update."""
        return sum(self.parts.values())


def memory_of(setup: Setup) -> Memory:
    """The calculation above for one run."""
    weights, gradients, adam = _states(setup)
    resident = 0.0 if setup.offload else weights + adam
    share = setup.rollout_gpu_mem_util * setup.gpu.gib
    return Memory(
        parts={
            "weights, gradients, Adam": (weights + gradients + adam) / GIB,
            "layers gathered of other GPUs": 0.0
            if setup.megatron
            else _gathered(setup.shape) / GIB,
            "activations": _activations(setup) / GIB,
            "logits": _logits(setup) / GIB,
            "fixed": FIXED_GIB,
        },
        rollout=resident / GIB + share + BESIDE_ROLLOUT_GIB,
        cache_tokens=_cache_tokens(setup, share),
        available=setup.gpu.gib,
    )


def _states(setup: Setup) -> tuple[float, float, float]:
    """Bytes of weights, gradients and Adam on one GPU."""
    shape = setup.shape
    if setup.megatron:
        model_parallel = setup.actor_tp * setup.actor_pp
        # With pipelines the embedding is on the first, the output on the last.
        ends = shape.embedding if setup.actor_pp == 1 else shape.vocab * shape.hidden
        dense = shape.layers * shape.layer / model_parallel + ends / setup.actor_tp
        experts = shape.expert_weights / (setup.actor_ep * setup.actor_pp)
        copies = setup.gpus / model_parallel
        expert_copies = setup.gpus / (setup.actor_ep * setup.actor_pp)
        adam = 12 * (dense / copies + experts / expert_copies)
        return 2 * (dense + experts), 4 * (dense + experts), adam
    each = shape.weights / setup.gpus
    if setup.lora_rank:
        adapters = lora_weights(shape, setup.lora_rank) / setup.gpus
        return 4 * (each + adapters), 4 * adapters, 8 * adapters
    return 4 * each, 4 * each, 8 * each


def lora_weights(shape: Shape, rank: int) -> int:
    """Weights of adapters beside every linear layer but the output's."""
    queries, keys = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    attention = 2 * (shape.hidden + queries) + 2 * (shape.hidden + keys)
    mlp = 3 * (shape.hidden + shape.inner) * (shape.experts or 1)
    return rank * shape.layers * (attention + mlp)


def _gathered(shape: Shape) -> float:
    layer = shape.layer + shape.expert_weights / shape.layers
    return 8 * (layer + shape.embedding) + 2 * layer


def _activations(setup: Setup) -> float:
    shape = setup.shape
    inputs = 2 * shape.hidden * shape.layers
    inner = shape.inner
    if shape.experts:
        inner = int(inner * shape.active_experts * EXPERT_IMBALANCE)
    attention = 2 * (shape.heads + 2 * shape.kv_heads) * shape.head_dim
    again = 2 * 2 * (6 * shape.hidden + attention + 4 * inner)
    return setup.ppo_max_token_len_per_gpu * (inputs + again) / setup.actor_tp


def _logits(setup: Setup) -> float:
    bytes_each = 3 * 4 / setup.actor_tp if setup.megatron else 4 * 2
    return setup.ppo_max_token_len_per_gpu * setup.shape.vocab * bytes_each


def _cache_tokens(setup: Setup, share_gib: float) -> int:
    shape, gpus = setup.shape, setup.rollout_tp
    room = (share_gib - ROLLOUT_WORK_GIB) * GIB * gpus - 2 * shape.weights
    # Of fewer heads than GPUs each GPU holds a whole one.
    copies = max(1.0, gpus / shape.kv_heads)
    return max(0, int(room / (shape.cache_bytes * copies)))
