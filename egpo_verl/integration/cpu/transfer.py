"""Weights from the trainer to samplers of their own, over gloo: verl's checkpoint engine on a CPU.

`trainer.v1.trainer_mode=separate_async` samples in processes that share nothing with the trainer,
and every engine that verl ships for this needs an accelerator (verl/checkpoint_engine/).
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Generator
from datetime import timedelta
from typing import Any

import ray
import torch
from torch.distributed import PrefixStore, ProcessGroupGloo, TCPStore  # type: ignore[attr-defined]
from verl.checkpoint_engine.base import CheckpointEngine, CheckpointEngineRegistry
from verl.workers.rollout.utils import ensure_async_iterator

BACKEND = "gloo"
TIMEOUT = timedelta(minutes=10)


@CheckpointEngineRegistry.register(BACKEND)
class GlooCheckpointEngine(CheckpointEngine):
    """The trainer's rank 0 broadcasts one tensor after the other to all samplers.

    Names and shapes go through a store that rank 0 opens once; each transfer has keys of its own
    there, and a process group of its own.

    Args:
        bucket_size: verl's; unused, because a tensor is sent as it is.
        is_master: whether this is rank 0 of the trainer.
    """

    def __init__(self, bucket_size: int, is_master: bool = False) -> None:
        self.is_master = is_master
        self.transfers = 0
        self.rank = -1
        self.server: TCPStore | None = None
        self.store: PrefixStore | None = None
        self.group: Any = None

    def prepare(self) -> dict[str, Any]:
        """Where the samplers find the store; empty for all but the master."""
        if not self.is_master:
            return {}
        host = ray.util.get_node_ip_address()
        if self.server is None:
            self.server = TCPStore(host, 0, is_master=True, wait_for_workers=False, timeout=TIMEOUT)
        self.transfers += 1
        return {"host": host, "port": self.server.port, "name": str(self.transfers)}

    @classmethod
    def build_topology(
        cls, actor_wg_world_size: int, rollout_world_size: int, metadata: list[dict[str, Any]]
    ) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
        """Rank 0 is the trainer's first process; its others (rank -1) send nothing."""
        world_size = 1 + rollout_world_size

        def same(ranks: list[int]) -> dict[str, list[Any]]:
            number = len(ranks)
            return {
                "rank": ranks,
                "world_size": [world_size] * number,
                "meeting": [metadata[0]] * number,
            }

        actors = [0] + [-1] * (actor_wg_world_size - 1)
        return same(actors), same(list(range(1, world_size)))

    def init_process_group(self, rank: int, world_size: int, meeting: dict[str, Any]) -> None:
        self.rank = rank
        if rank < 0:
            return
        server = self.server or TCPStore(meeting["host"], meeting["port"], timeout=TIMEOUT)
        self.store = PrefixStore(meeting["name"], server)
        self.group = ProcessGroupGloo(self.store, rank, world_size, TIMEOUT)

    def finalize(self) -> None:
        self.group = self.store = None

    @torch.no_grad()
    async def send_weights(
        self,
        weights: Generator[tuple[str, torch.Tensor], None, None],
        global_steps: int | None = None,
    ) -> None:
        number = 0
        async for name, value in ensure_async_iterator(weights):
            # All ranks of the trainer must walk the weights: gathering each one is collective.
            if self.rank == 0:
                tensor = value.detach().cpu().contiguous()
                dtype = str(tensor.dtype).removeprefix("torch.")
                self._tell(number, [name, list(tensor.shape), dtype])
                self._broadcast(tensor)
            number += 1
        if self.rank == 0:
            self._tell(number, None)

    @torch.no_grad()
    async def receive_weights(
        self, global_steps: int | None = None
    ) -> AsyncGenerator[tuple[str, torch.Tensor], None]:
        number = 0
        while (header := self._hear(number)) is not None:
            name, shape, dtype = header
            tensor = torch.empty(shape, dtype=getattr(torch, dtype))
            self._broadcast(tensor)
            yield name, tensor
            number += 1

    def _tell(self, number: int, header: list[Any] | None) -> None:
        assert self.store is not None
        self.store.set(str(number), json.dumps(header))

    def _hear(self, number: int) -> list[Any] | None:
        assert self.store is not None
        header: list[Any] | None = json.loads(self.store.get(str(number)))
        return header

    def _broadcast(self, tensor: torch.Tensor) -> None:
        """Rank 0's `tensor` into everyone's."""
        self.group.broadcast([tensor]).wait()
