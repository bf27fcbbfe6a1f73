"""Weights that go to samplers of their own, and the old policy that stays behind, on a CPU."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from verl.checkpoint_engine.base import CheckpointEngineRegistry
from verl.utils import fsdp_utils

from egpo_verl.integration import cpu
from egpo_verl.integration.cpu.transfer import BACKEND, GlooCheckpointEngine


def weights(seed: int) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    return {
        "embedding": torch.randn(40, 8),
        "norm": torch.randn(8, dtype=torch.bfloat16),
        "transposed": torch.randn(4, 6).t(),
        "count": torch.tensor(7),
        "nothing": torch.empty(0, 3),
    }


def transfer(
    actors: list[GlooCheckpointEngine],
    samplers: list[GlooCheckpointEngine],
    sent: dict[str, torch.Tensor],
) -> list[dict[str, torch.Tensor]]:
    """One transfer as verl's CheckpointEngineManager steers it; what each sampler got."""
    everyone = [*actors, *samplers]
    met = [engine.prepare() for engine in everyone]
    topologies = GlooCheckpointEngine.build_topology(len(actors), len(samplers), met)
    calls = [
        {key: values[place] for key, values in topology.items()}
        for topology, size in zip(topologies, (len(actors), len(samplers)), strict=True)
        for place in range(size)
    ]
    got: list[dict[str, torch.Tensor]] = [{} for _ in samplers]

    async def receive(engine: GlooCheckpointEngine, into: dict[str, torch.Tensor]) -> None:
        async for name, value in engine.receive_weights():
            into[name] = value

    def work(place: int) -> None:
        engine = everyone[place]
        engine.init_process_group(**calls[place])
        if place < len(actors):
            asyncio.run(engine.send_weights(iter(sent.items())))  # type: ignore[arg-type]
        else:
            asyncio.run(receive(engine, got[place - len(actors)]))
        engine.finalize()

    threads = [threading.Thread(target=work, args=(place,)) for place in range(len(everyone))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    return got


def test_every_sampler_gets_every_weight_to_the_bit_each_time() -> None:
    actors = [GlooCheckpointEngine(1, is_master=True), GlooCheckpointEngine(1)]
    samplers = [GlooCheckpointEngine(1), GlooCheckpointEngine(1)]
    for seed in (0, 1, 2):
        sent = weights(seed)
        for got in transfer(actors, samplers, sent):
            assert list(got) == list(sent)
            for name, value in sent.items():
                assert got[name].dtype == value.dtype
                assert torch.equal(got[name], value)


def test_verl_finds_it_by_name() -> None:
    assert CheckpointEngineRegistry.get(BACKEND) is GlooCheckpointEngine


@pytest.fixture
def one_process(tmp_path: Path) -> Iterator[Any]:
    dist.init_process_group("gloo", f"file://{tmp_path / 'store'}", rank=0, world_size=1)
    yield init_device_mesh("cpu", (1,))
    dist.destroy_process_group()


def test_the_old_policy_does_not_follow_an_update(
    one_process: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = torch.nn.Linear(3, 2)
    fully_shard(model, mesh=one_process)
    stock = fsdp_utils.fsdp2_sharded_save_to_cpu
    monkeypatch.setattr(fsdp_utils, "fsdp2_sharded_save_to_cpu", stock)
    # `cpu.register()` would fill verl's registries for all tests of this process.
    cpu._copy_on_save(fsdp_utils)
    cpu._copy_on_save(fsdp_utils)
    before = model.weight.full_tensor().clone()
    copy, layout = fsdp_utils.fsdp2_sharded_save_to_cpu(model)
    with torch.no_grad():
        model.weight.add_(1.0)
    assert not torch.equal(model.weight.full_tensor(), before)
    fsdp_utils.fsdp2_sharded_load_from_cpu(model, copy, layout)
    assert torch.equal(model.weight.full_tensor(), before)
