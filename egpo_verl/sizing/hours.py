"""Hours of a run: an estimate from the hardware's data sheet and stated guesses, not a measurement.

Generation is bound by memory: each token that a replica makes for all its sequences at once reads
the weights, and the keys and values of each. Training is bound by arithmetic: 2 operations a weight
for a forward pass and 4 for a backward one; a step takes two forward passes more (old policy,
reference), and checkpointing a third.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from egpo_verl.sizing.memory import memory_of
from egpo_verl.sizing.setup import Setup, SizingError

ROWS = {"xlam": 57_000, "funreason_mt": 27_321}
"""Training rows by the beginning of a dataset's folder: xLAM's 60,000 less 5 %, and with the
multi-turn rows the paper's 88,759 less 5 %."""
MEAN_PROMPT = 700
MEAN_RESPONSE = 350
"""Guesses of mean lengths in tokens, functions in the prompt included."""
LONG_THINKERS = {"Qwen/Qwen3-4B-Thinking-2507": 1_500}
"""The same for the responses of models that were trained to think at length."""
TRAIN_UTILISATION = 0.35
"""Part of the sheet's arithmetic that training reaches, a guess."""
ROLLOUT_UTILISATION = 0.5
"""Part of the sheet's bandwidth that generation reaches, a guess."""
ROLLOUT_OVERHEAD = 0.005
"""Seconds that a replica needs for each token beside reading, a guess."""
STEP_OVERHEAD = 20.0
"""Seconds of a step for weights to the rollout, rewards and data, a guess."""
OPERATIONS_PER_WEIGHT = 2 + 4 + 2 + 2 + 2


@dataclass(frozen=True)
class Gpu:
    """A data sheet: dense bfloat16 operations a second, and bytes a second of its memory."""

    operations: float
    bandwidth: float


SHEETS = {
    24: Gpu(165e12, 1.01e12),
    48: Gpu(362e12, 0.86e12),
    80: Gpu(989e12, 3.35e12),
    141: Gpu(989e12, 4.8e12),
}
"""By GB: RTX 4090, L40S, H100, H200."""


def steps_of(setup: Setup) -> int:
    """Steps of the whole run on its data.

    Raises:
        SizingError: a dataset whose size is not known here.
    """
    rows = sum(_rows_of(dataset) for dataset in setup.datasets)
    return rows // setup.prompts * setup.epochs


def _rows_of(dataset: str) -> int:
    for name, rows in ROWS.items():
        if dataset.startswith(name):
            return rows
    raise SizingError(f"{dataset} is no dataset of known size; there are {', '.join(ROWS)}.")


def hours_of(setup: Setup) -> float:
    """Hours of the whole run on its data."""
    mean_response = LONG_THINKERS.get(setup.model, MEAN_RESPONSE)
    generation = _generation_seconds(setup, mean_response)
    training = _training_seconds(setup, mean_response)
    return steps_of(setup) * (generation + training + STEP_OVERHEAD) / 3600


def _training_seconds(setup: Setup, mean_response: int) -> float:
    tokens = setup.prompts * setup.responses * (MEAN_PROMPT + mean_response)
    operations = OPERATIONS_PER_WEIGHT * setup.shape.active_weights * tokens
    return operations / (setup.gpus * SHEETS[setup.gpu_gb].operations * TRAIN_UTILISATION)


def _generation_seconds(setup: Setup, mean_response: int) -> float:
    replicas = setup.gpus // setup.rollout_parallel
    waiting = math.ceil(setup.prompts * setup.responses / replicas)
    held = memory_of(setup).cache_tokens // (MEAN_PROMPT + mean_response)
    at_once = max(1, min(waiting, held, setup.rollout_sequences))
    cache = at_once * (MEAN_PROMPT + mean_response / 2) * setup.shape.cache_bytes
    bandwidth = setup.rollout_parallel * SHEETS[setup.gpu_gb].bandwidth * ROLLOUT_UTILISATION
    token = (2 * setup.shape.weights + cache) / bandwidth + ROLLOUT_OVERHEAD
    return waiting / at_once * mean_response * token
