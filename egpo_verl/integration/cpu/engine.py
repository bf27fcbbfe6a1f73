"""verl's FSDP2 engine on a CPU (verl/workers/engine/fsdp/transformer_impl.py)."""

from __future__ import annotations

import os
from typing import Any

import torch
from verl.workers.engine.base import EngineRegistry
from verl.workers.engine.fsdp.transformer_impl import FSDPEngineWithLMHead

from egpo_verl.integration.cpu.machine import usable_cores
from egpo_verl.integration.cpu.response_logits import cut, first_logit, put_back, takes_window


@EngineRegistry.register(model_type="language_model", backend=["fsdp", "fsdp2"], device="cpu")
class CPUEngineWithLMHead(FSDPEngineWithLMHead):
    """The stock engine, without offloading (parameters are where they would be moved to) and
    without the logits of prompts."""

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

    def prepare_model_inputs(self, micro_batch: Any) -> Any:
        inputs, others = super().prepare_model_inputs(micro_batch)
        first = first_logit(micro_batch)
        if first and takes_window(self.module):
            inputs["logits_to_keep"] = inputs["input_ids"].shape[1] - first
            others["first_logit"] = first
        return inputs, others

    def prepare_model_outputs(
        self, output: Any, output_args: Any, micro_batch: Any, logits_processor_func: Any
    ) -> Any:
        first = output_args.get("first_logit", 0)
        if not first:
            return super().prepare_model_outputs(
                output, output_args, micro_batch, logits_processor_func
            )
        # verl's own, on rows that begin with their first logit
        input_ids = micro_batch["input_ids"]
        offsets = input_ids.offsets()
        labels = cut(output_args["input_ids_rmpad_rolled"], offsets, first)
        windows = micro_batch.copy()
        windows["input_ids"] = cut(input_ids.values(), offsets, first)
        found = super().prepare_model_outputs(
            output,
            {**output_args, "input_ids_rmpad_rolled": labels.values()},
            windows,
            logits_processor_func,
        )
        return {name: put_back(rows, offsets, first) for name, rows in found.items()}
