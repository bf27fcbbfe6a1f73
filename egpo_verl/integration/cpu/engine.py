"""verl's FSDP2 engine on a CPU (verl/workers/engine/fsdp/transformer_impl.py)."""

from __future__ import annotations

import os
from typing import Any

import torch
from verl.workers.engine.base import EngineRegistry
from verl.workers.engine.fsdp.transformer_impl import FSDPEngineWithLMHead

from egpo_verl.integration.cpu.machine import usable_cores


@EngineRegistry.register(model_type="language_model", backend=["fsdp", "fsdp2"], device="cpu")
class CPUEngineWithLMHead(FSDPEngineWithLMHead):
    """The stock engine, without offloading: parameters are where they would be moved to."""

    def initialize(self) -> None:
        # Ray gives a worker one OpenMP thread; the training processes share the machine's cores.
        processes = int(os.environ.get("WORLD_SIZE", "1"))
        torch.set_num_threads(max(1, usable_cores() // processes))
        super().initialize()

    def _build_fsdp_module(self, module: Any) -> Any:
        # A forward-only engine (the reference policy) gets CPUOffloadPolicy(pin_memory=True)
        # here (:462), and memory can only be pinned for an accelerator.
        forward_only = self.engine_config.forward_only
        self.engine_config.forward_only = False
        try:
            return super()._build_fsdp_module(module)
        finally:
            self.engine_config.forward_only = forward_only
