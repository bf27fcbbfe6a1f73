"""verl's registries filled in for a machine without an accelerator.

`VERL_PLATFORM=cpu`, verl's variable, which the Hydra group `+machine=cpu` hands to Ray's
workers, is what fills them; nothing else does. The `transformers` rollout alone is there for a
GPU too, since it samples where the trainer is: `integration/plugin.py` names it, and a run with
`rollout.name=transformers` loads it.
"""

from __future__ import annotations

import functools
import os
from datetime import timedelta
from types import ModuleType
from typing import Any

import wrapt

REPLACED = "__egpo_verl_cpu__"
RANKS = ("LOCAL_RANK", "RANK", "WORLD_SIZE")
"""Set by torchrun."""


def register() -> None:
    """Fill verl's registries; calling it again changes nothing."""
    from egpo_verl.integration.cpu import platform  # noqa: F401  registers itself

    wrapt.register_post_import_hook(_one_backend, "verl.utils.distributed")
    wrapt.register_post_import_hook(_register_engine, "verl.workers.engine.fsdp.transformer_impl")
    wrapt.register_post_import_hook(_register_transfer, "verl.checkpoint_engine.base")
    wrapt.register_post_import_hook(_copy_on_save, "verl.utils.fsdp_utils")
    wrapt.register_post_import_hook(_log_probs_at_once, "verl.utils.torch_functional")
    wrapt.register_post_import_hook(_repeatable_batches, "verl.trainer.ppo.v1.replay_buffer")


def _one_backend(distributed: ModuleType) -> None:
    """verl asks for "cpu:gloo,<device>:<backend>" (verl/utils/distributed.py:89), which torch
    refuses when the device is the CPU itself; the name of one backend is enough."""
    import torch.distributed

    stock = distributed.initialize_global_process_group_ray

    @functools.wraps(stock)
    def initialize_global_process_group_ray(*args: Any, **kwargs: Any) -> Any:
        return stock(*args, **{"backend": "cpu:gloo", **kwargs})

    def initialize_global_process_group(timeout_second: int = 36000) -> tuple[int, int, int]:
        """verl's, which its SFT trainer calls (verl/utils/distributed.py:62)."""
        timeout, method = timedelta(seconds=timeout_second), os.environ.get("DIST_INIT_METHOD")
        torch.distributed.init_process_group("cpu:gloo", timeout=timeout, init_method=method)
        local_rank, rank, size = (int(os.environ[name]) for name in RANKS)
        return local_rank, rank, size

    _set_once(distributed, initialize_global_process_group_ray)
    _set_once(distributed, initialize_global_process_group)


def _register_engine(transformer_impl: ModuleType) -> None:
    from egpo_verl.integration.cpu import engine  # noqa: F401  registers itself
    from egpo_verl.integration.cpu.micro_batches import in_families

    _set_once(transformer_impl, in_families(transformer_impl.prepare_micro_batches))


def _register_transfer(base: ModuleType) -> None:
    from egpo_verl.integration.cpu import transfer  # noqa: F401  registers itself


def _copy_on_save(fsdp_utils: ModuleType) -> None:
    """separate_async keeps its old policy's weights by `.cpu()` (verl/utils/fsdp_utils.py:1180),
    which copies nothing where they are on the CPU: the old policy would follow every update."""
    stock = fsdp_utils.fsdp2_sharded_save_to_cpu

    @functools.wraps(stock)
    def fsdp2_sharded_save_to_cpu(*args: Any, **kwargs: Any) -> Any:
        state, spec = stock(*args, **kwargs)
        return {name: (value.clone(), layout) for name, (value, layout) in state.items()}, spec

    _set_once(fsdp_utils, fsdp2_sharded_save_to_cpu)


def _log_probs_at_once(torch_functional: ModuleType) -> None:
    from egpo_verl.integration.cpu.log_probs import logprobs_from_logits_v2

    _set_once(torch_functional, logprobs_from_logits_v2)


def _repeatable_batches(replay_buffer: ModuleType) -> None:
    from egpo_verl.integration.cpu.replay import in_order, polling_often

    buffer = replay_buffer.ReplayBuffer
    _set_once(buffer, polling_often(buffer.__init__))
    _set_once(buffer, in_order(buffer._materialize_batch))


def _set_once(owner: Any, function: Any) -> None:
    """Put `function` in the place of the one of its name, unless one of ours is there already."""
    if not getattr(getattr(owner, function.__name__), REPLACED, False):
        setattr(function, REPLACED, True)
        setattr(owner, function.__name__, function)
