"""Loaded into verl's processes by a test: kills one, or has it misbehave, at a chosen moment.

`VERL_USE_EXTERNAL_MODULES=fault_probe`, with this folder on PYTHONPATH, `FAULT=<name>` and
`FAULT_STEP=<training step>`. The faults:

    driver      the process that the user started is killed while answers are being sampled
    rollout     the trainer is killed while answers are being sampled
    update      a training worker is killed between its gradients and its first optimizer step
    checkpoint  trainer and worker are killed half way through writing the optimizer's file
"""

from __future__ import annotations

import io
import os
import signal
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import torch
import wrapt

STEP = int(os.environ["FAULT_STEP"])


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _in_rollout(wrapped: Any, buffer: Any, args: Any, kwargs: Any) -> Any:
    if kwargs["global_steps"] == STEP:
        time.sleep(0.5)
        _die()
    return wrapped(*args, **kwargs)


def _while_driven(wrapped: Any, buffer: Any, args: Any, kwargs: Any) -> Any:
    if kwargs["global_steps"] == STEP:
        for process in psutil.process_iter(["cmdline", "cwd"]):
            started = "verl.trainer.main_ppo" in (process.info["cmdline"] or ())
            if started and process.info["cwd"] == os.getcwd():
                process.kill()
        time.sleep(600)
    return wrapped(*args, **kwargs)


def _in_update(wrapped: Any, engine: Any, args: Any, kwargs: Any) -> Any:
    _die()


def _in_checkpoint(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    value, target = args
    if f"global_step_{STEP}/actor/optim" not in str(target):
        return wrapped(*args, **kwargs)
    whole = io.BytesIO()
    wrapped(value, whole)
    Path(target).write_bytes(whole.getvalue()[: whole.tell() // 2])
    for process in psutil.process_iter(["name", "cwd"]):
        if process.info["cwd"] == os.getcwd() and "TaskRunner" in process.info["name"]:
            process.kill()
    _die()


def _wrap(module: str, name: str, wrapper: Any) -> None:
    def attach(loaded: ModuleType) -> None:
        wrapt.wrap_function_wrapper(loaded, name, wrapper)

    wrapt.register_post_import_hook(attach, module)


match os.environ["FAULT"]:
    case "driver":
        _wrap("verl.trainer.ppo.v1.replay_buffer", "ReplayBuffer.sample", _while_driven)
    case "rollout":
        _wrap("verl.trainer.ppo.v1.replay_buffer", "ReplayBuffer.sample", _in_rollout)
    case "update":
        _wrap("verl.workers.engine.fsdp.transformer_impl", "FSDPEngine.optimizer_step", _in_update)
    case "checkpoint":
        wrapt.wrap_function_wrapper(torch, "save", _in_checkpoint)
