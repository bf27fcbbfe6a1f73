"""verl's FSDP2 engine on a CPU (verl/workers/engine/fsdp/transformer_impl.py)."""

from __future__ import annotations

import os
from typing import Any

import torch
from verl.utils import tensordict_utils as tu
from verl.workers.engine.base import EngineRegistry
from verl.workers.engine.fsdp.transformer_impl import FSDPEngineWithLMHead

from egpo_verl.integration.cpu.attention import inputs_of, takes_packs
from egpo_verl.integration.cpu.machine import usable_cores
from egpo_verl.integration.cpu.micro_batches import PACKED, can_be_packed, firsts
from egpo_verl.integration.cpu.pack import Pack, offsets


@EngineRegistry.register(model_type="language_model", backend=["fsdp", "fsdp2"], device="cpu")
class CPUEngineWithLMHead(FSDPEngineWithLMHead):
    """The stock engine, without offloading (parameters are where they would be moved to), which
    reads the rows of a micro-batch as a `Pack`."""

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

    def forward_backward_batch(self, data: Any, *args: Any, **kwargs: Any) -> Any:
        tu.assign_non_tensor(data, **{PACKED: takes_packs(self.module)})
        return super().forward_backward_batch(data, *args, **kwargs)

    def prepare_model_inputs(self, micro_batch: Any) -> Any:
        inputs, others = super().prepare_model_inputs(micro_batch)
        if not takes_packs(self.module) or not can_be_packed(micro_batch, inputs):
            return inputs, others
        pack = Pack(
            [row.tolist() for row in micro_batch["input_ids"].unbind()], firsts(micro_batch)
        )
        return inputs_of(pack), {**others, "pack": pack}

    def prepare_model_outputs(
        self, output: Any, output_args: Any, micro_batch: Any, logits_processor_func: Any
    ) -> Any:
        pack = output_args.get("pack")
        if pack is None:
            return super().prepare_model_outputs(
                output, output_args, micro_batch, logits_processor_func
            )
        # verl's own for rows laid end to end, of the needed logits
        laid = micro_batch.copy()
        laid["input_ids"] = torch.nested.nested_tensor_from_jagged(
            pack.labels, offsets(pack.counts.tolist())
        )
        tu.assign_non_tensor(laid, use_remove_padding=True)
        found = super().prepare_model_outputs(
            output,
            {
                "temperature_is_one": output_args["temperature_is_one"],
                "temperature_rmpad": output_args["temperature"].repeat_interleave(pack.counts),
                "input_ids_rmpad_rolled": pack.labels,
                "pad_size": 0,
            },
            laid,
            logits_processor_func,
        )
        return {name: pack.whole(rows.values()) for name, rows in found.items()}
