"""The two halves that verl asks of a rollout: a replica that serves, an adapter that feeds it."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import ray
import torch
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
from verl.plugin.platform import get_platform
from verl.workers.rollout.base import BaseRollout
from verl.workers.rollout.replica import RolloutReplica
from verl.workers.rollout.utils import ensure_async_iterator

from egpo_verl.integration.cpu.server import TransformersServer


class TransformersReplica(RolloutReplica):
    """One server for each replica, in one process: on all cores, or on the GPU of the first
    training process that feeds it.

    `tensor_model_parallel_size` says how many training processes share a replica: with as many as
    there are, a run samples what it would sample with one.
    """

    async def launch_servers(self) -> None:
        node, device, environment = await self.workers[0].__ray_call__.remote(_place)
        name = server_name(self.replica_rank)
        server = (
            ray.remote(TransformersServer)
            .options(
                name=name,
                num_cpus=0,
                max_concurrency=self.max_concurrency,
                scheduling_strategy=NodeAffinitySchedulingStrategy(node_id=node, soft=False),
                runtime_env={"env_vars": environment},
            )
            .remote(self.config, self.model_config, self.replica_rank, device)
        )
        await server.clear_kv_cache.remote()
        self.servers = [server]
        self._server_handle = server
        self._server_address = name


class ServerAdapter(BaseRollout):
    """Sits beside the training engine and hands its weights to the replica's server."""

    def __init__(
        self, config: Any, model_config: Any, device_mesh: Any, replica_rank: int = -1
    ) -> None:
        super().__init__(config, model_config, device_mesh)
        rank = int(os.environ["RANK"])
        share = (
            config.tensor_model_parallel_size
            * config.data_parallel_size
            * config.pipeline_model_parallel_size
        )
        self.replica_rank = replica_rank if replica_rank >= 0 else rank // share
        self.is_leader_rank = rank % share == 0
        self._server: Any = None

    @property
    def server(self) -> Any:
        # The server starts after the training engine.
        if self._server is None:
            self._server = ray.get_actor(server_name(self.replica_rank))
        return self._server

    async def resume(self, tags: list[str]) -> None:
        if self.is_leader_rank:
            await self.server.wake_up.remote(tags=tags)

    async def release(self) -> None:
        if self.is_leader_rank:
            await self.server.sleep.remote()

    @torch.no_grad()
    async def update_weights(
        self,
        weights: Generator[tuple[str, torch.Tensor], None, None],
        global_steps: int | None = None,
        wire_format: str = "named_tensors",
        peft_config: Any = None,
        **_: Any,
    ) -> None:
        """Send all weights through Ray's object store, a bucket at a time.

        Raises:
            ValueError: adapters that are not merged, or a wire format of another rollout.
        """
        if peft_config is not None:
            raise ValueError(
                "The transformers rollout takes full weights: set "
                "actor_rollout_ref.model.lora.merge=True."
            )
        if wire_format != "named_tensors":
            raise ValueError(f"The transformers rollout cannot read wire_format={wire_format!r}.")
        limit = self.config.checkpoint_engine.update_weights_bucket_megabytes << 20
        bucket: dict[str, torch.Tensor] = {}
        size = 0
        async for name, value in ensure_async_iterator(weights):
            # All ranks must walk the weights: gathering each one is collective.
            if not self.is_leader_rank:
                continue
            bucket[name] = value.detach().cpu()
            size += value.nbytes
            if size >= limit:
                await self.server.update_weights.remote(bucket)
                bucket, size = {}, 0
        if bucket:
            await self.server.update_weights.remote(bucket)
        if global_steps is not None and self.is_leader_rank:
            await self.server.set_global_steps.remote(global_steps)


def _place(_: Any) -> tuple[str, str, dict[str, str]]:
    """Of the training process that runs this: its node, torch's name for the kind of its device,
    and the variables by which another process sees that device alone, as verl's servers do
    (verl/workers/rollout/vllm_rollout/vllm_async_server.py:1342)."""
    context, platform = ray.get_runtime_context(), get_platform()
    (number,) = context.get_accelerator_ids()[platform.ray_resource_name()]
    environment = dict.fromkeys(platform.ray_noset_envvars(), "1")
    environment[platform.visible_devices_envvar()] = number
    return context.get_node_id(), platform.device_name, environment


def server_name(replica_rank: int) -> str:
    """The name of a replica's server among Ray's actors."""
    return f"transformers_server_{replica_rank}"
