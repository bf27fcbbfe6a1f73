"""verl's replay buffer where a step takes seconds, and where a run can be repeated.

It looks for finished rollouts every two seconds, and hands over a batch in the order in which they
finished (verl/trainer/ppo/v1/replay_buffer.py). The order decides in which order floats are summed,
so two runs of one seed part.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import transfer_queue as tq

POLL_SECONDS = 0.1


def polling_often(stock: Callable[..., None]) -> Callable[..., None]:
    """`ReplayBuffer.__init__` that looks for rollouts every tenth of a second."""

    @functools.wraps(stock)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        stock(self, *args, **{"poll_interval": POLL_SECONDS, **kwargs})

    return __init__


def in_order(stock: Callable[..., Any]) -> Callable[..., Any]:
    """`ReplayBuffer._materialize_batch` whose rows stand in the order of their prompts, and those
    of one prompt in the order of their token ids."""

    @functools.wraps(stock)
    def _materialize_batch(self: Any, partition_id: str, *args: Any, **kwargs: Any) -> Any:
        batch = stock(self, partition_id, *args, **kwargs)
        if batch.keys:
            _sort(batch, list(self.prompt_global_steps[partition_id]))
        return batch

    return _materialize_batch


def _sort(batch: Any, prompts: list[str]) -> None:
    """Sort the rollouts of `batch`; a rollout of several outputs stays together.

    Args:
        batch: verl's KVBatchMeta, keys `{uid}_{session}_{index}`.
        prompts: uids in the order of the data.
    """
    places = {uid: place for place, uid in enumerate(prompts)}
    responses = tq.kv_batch_get(
        keys=batch.keys, partition_id=batch.partition_id, select_fields=["responses"]
    )["responses"]
    rollouts: dict[tuple[str, str], list[int]] = {}
    for row, key in enumerate(batch.keys):
        uid, session, _ = key.rsplit("_", 2)
        rollouts.setdefault((uid, session), []).append(row)
    for rows in rollouts.values():
        rows.sort(key=lambda row: int(batch.keys[row].rsplit("_", 1)[1]))

    def place(rollout: tuple[str, str]) -> tuple[int, list[list[int]]]:
        return places[rollout[0]], [responses[row].tolist() for row in rollouts[rollout]]

    batch.reorder([row for rollout in sorted(rollouts, key=place) for row in rollouts[rollout]])
