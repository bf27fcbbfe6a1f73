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

from egpo_verl.sizing.setup import Setup
from egpo_verl.sizing.shapes import Shape

GIB = 2**30
FIXED_GIB = 5.0
"""Training: see the table."""
BESIDE_ROLLOUT_GIB = 2.5
"""Contexts and buffers of the training process while the rollout works."""
ROLLOUT_WORK_GIB = 4.0
"""Activations, CUDA graphs and sampling in the rollout's own share."""
EXPERT_IMBALANCE = 2.0
"""Tokens that the busiest GPU's experts get, over the mean."""
MARGIN = 0.95
"""Part of a GPU that a plan may fill."""


@dataclass(frozen=True)
class Memory:
    """GiB of one GPU, and what the rollout's cache holds.

    Attributes:
        states: weights, gradients and Adam.
        gathered: what FSDP gathers of other GPUs.
        activations, logits: of the largest micro-batch.
        update: all at the peak of the update.
        rollout: all while the rollout works.
        cache_tokens: tokens whose keys and values a replica holds.
        available: GiB of the GPU.
    """

    states: float
    gathered: float
    activations: float
    logits: float
    update: float
    rollout: float
    cache_tokens: int
    available: float

    @property
    def fits(self) -> bool:
        """Whether both peaks leave the margin."""
        return max(self.update, self.rollout) <= MARGIN * self.available


def memory_of(setup: Setup) -> Memory:
    """The calculation above for one run."""
    weights, gradients, adam = _states(setup)
    gathered = 0 if setup.megatron else _gathered(setup.shape)
    activations, logits = _activations(setup), _logits(setup)
    peak = (weights + gradients + adam + gathered + activations + logits) / GIB + FIXED_GIB
    resident = 0.0 if setup.offload else weights + adam
    share = setup.rollout_share * setup.gpu_gib
    return Memory(
        states=(weights + gradients + adam) / GIB,
        gathered=gathered / GIB,
        activations=activations / GIB,
        logits=logits / GIB,
        update=peak,
        rollout=resident / GIB + share + BESIDE_ROLLOUT_GIB,
        cache_tokens=_cache_tokens(setup, share),
        available=setup.gpu_gib,
    )


def _states(setup: Setup) -> tuple[float, float, float]:
    """Bytes of weights, gradients and Adam on one GPU."""
    shape = setup.shape
    if setup.megatron:
        model_parallel = setup.tensor_parallel * setup.pipeline_parallel
        # With pipelines the embedding is on the first, the output on the last.
        ends = shape.embedding if setup.pipeline_parallel == 1 else shape.vocab * shape.hidden
        dense = shape.layers * shape.layer / model_parallel + ends / setup.tensor_parallel
        experts = shape.expert_weights / (setup.expert_parallel * setup.pipeline_parallel)
        copies = setup.gpus / model_parallel
        expert_copies = setup.gpus / (setup.expert_parallel * setup.pipeline_parallel)
        adam = 12 * (dense / copies + experts / expert_copies)
        return 2 * (dense + experts), 4 * (dense + experts), adam
    each = shape.weights / setup.gpus
    if setup.lora_rank:
        adapters = lora_weights(shape, setup.lora_rank) / setup.gpus
        return 4 * (each + adapters), 4 * adapters, 8 * adapters
    return 4 * each, 4 * each, 8 * each


def lora_weights(shape: Shape, rank: int) -> int:
    """Weights of adapters beside every linear layer but the output's."""
    queries, others = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    attention = 2 * (shape.hidden + queries) + 2 * (shape.hidden + others)
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
    return setup.tokens * (inputs + again) / setup.tensor_parallel


def _logits(setup: Setup) -> float:
    bytes_each = 3 * 4 / setup.tensor_parallel if setup.megatron else 4 * 2
    return setup.tokens * setup.shape.vocab * bytes_each


def _cache_tokens(setup: Setup, share_gib: float) -> int:
    weights = 2 * setup.shape.weights / setup.rollout_parallel / GIB
    room = (share_gib - weights - ROLLOUT_WORK_GIB) * GIB * setup.rollout_parallel
    return max(0, int(room / setup.shape.cache_bytes))
