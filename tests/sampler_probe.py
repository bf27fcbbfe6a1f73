"""Loaded into verl's processes by a test: after each step it saves what the sampler holds.

`VERL_USE_EXTERNAL_MODULES=sampler_probe`, with this folder on PYTHONPATH. The files go to the run's
checkpoint folder as `sampler_<step>.pt`.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import ray
import torch
import wrapt


def _save_sampler(wrapped: Any, trainer: Any, args: Any, kwargs: Any) -> None:
    wrapped(*args, **kwargs)
    (server,) = trainer.llm_server_manager.server_handles
    held = ray.get(server.__ray_call__.remote(lambda self: dict(self.model.state_dict())))
    folder = Path(trainer.config.trainer.default_local_dir)
    torch.save(held, folder / f"sampler_{trainer.global_steps}.pt")


@wrapt.when_imported("verl.trainer.ppo.v1.trainer_sync")
def _probe(trainer_sync: ModuleType) -> None:
    wrapt.wrap_function_wrapper(trainer_sync, "PPOTrainerSync.on_step_end", _save_sampler)
