"""Hours of a run: an estimate from the hardware's data sheet and stated guesses, not a measurement.

Generation is bound by memory: each token that a replica makes for all its sequences at once reads
the weights, and the keys and values of each. Training is bound by arithmetic: 2 operations a weight
for a forward pass and 4 for a backward one; a step takes two forward passes more (old policy,
reference), and checkpointing a third.
"""

from __future__ import annotations

import math

from egpo_verl.sizing.memory import memory_of
from egpo_verl.sizing.setup import Setup

MEAN_PROMPT = 700
"""A guess of the mean length in tokens, tools included."""
TRAIN_UTILISATION = 0.35
"""Part of the sheet's arithmetic that training reaches, a guess."""
ROLLOUT_UTILISATION = 0.5
"""Part of the sheet's bandwidth that generation reaches, a guess."""
ROLLOUT_OVERHEAD = 0.005
"""Seconds that a replica needs for each token beside reading, a guess."""
STEP_OVERHEAD = 20.0
"""Seconds of a step for weights to the rollout, rewards and data, a guess."""
OPERATIONS_PER_WEIGHT = 2 + 4 + 2 + 2 + 2


def hours_of(setup: Setup) -> float:
    """Hours of the whole run on its data."""
    seconds = _generation_seconds(setup) + _training_seconds(setup) + STEP_OVERHEAD
    return setup.steps * seconds / 3600


def _training_seconds(setup: Setup) -> float:
    """Of a step."""
    tokens = setup.train_batch_size * setup.rollout_n * (MEAN_PROMPT + setup.mean_response)
    operations = OPERATIONS_PER_WEIGHT * setup.shape.active_weights * tokens
    return operations / (setup.gpus * setup.gpu.operations * TRAIN_UTILISATION)


def _generation_seconds(setup: Setup) -> float:
    """Of a step."""
    length, shape = setup.mean_response, setup.shape
    replicas = setup.gpus // setup.rollout_tp
    waiting = math.ceil(setup.train_batch_size * setup.rollout_n / replicas)
    held = memory_of(setup).cache_tokens // (MEAN_PROMPT + length)
    at_once = max(1, min(waiting, held, setup.rollout_max_num_seqs))
    cache = at_once * (MEAN_PROMPT + length / 2) * shape.cache_bytes
    bandwidth = setup.rollout_tp * setup.gpu.bandwidth * ROLLOUT_UTILISATION
    token = (2 * shape.weights + cache) / bandwidth + ROLLOUT_OVERHEAD
    return waiting / at_once * length * token
