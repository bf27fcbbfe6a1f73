"""Which accelerator verl will use, or how to train without one."""

from __future__ import annotations

import os
from collections.abc import Iterator

from egpo_verl.doctor.finding import Finding, ok, warn
from egpo_verl.doctor.versions import installed

CHECK = "machine"
ENGINES = ("vllm", "sglang", "tensorrt-llm")


def check_machine() -> Iterator[Finding]:
    """verl's platform here, and an engine to sample with."""
    import torch
    from verl.plugin.platform import get_platform

    platform = get_platform()
    name = platform.device_name
    if name == "cpu":
        yield ok(CHECK, "the CPU (VERL_PLATFORM=cpu)")
    elif platform.is_available():
        yield ok(CHECK, f"{platform.device_count()} x {_model_of(name)}")
        yield from _check_engine()
        if name == "cuda":
            yield _check_attention()
    elif torch.version.cuda is not None:
        yield warn(
            CHECK,
            f"torch is built for CUDA {torch.version.cuda} but sees no GPU",
            "look at nvidia-smi; on a node that only submits jobs this is no fault",
        )
    else:
        yield warn(
            CHECK,
            f"no accelerator (torch {torch.__version__}, {os.cpu_count()} CPU cores)",
            "small models train on the CPU: add +machine=cpu to the command",
        )


def _model_of(device: str) -> str:
    import torch

    if device != "cuda":
        return device
    properties = torch.cuda.get_device_properties(0)
    return f"{properties.name} ({properties.total_memory / 2**30:.0f} GiB)"


def _check_engine() -> Iterator[Finding]:
    engines = [f"{name} {version}" for name in ENGINES if (version := installed(name))]
    if engines:
        yield ok("rollout engine", ", ".join(engines))
    else:
        yield warn(
            "rollout engine",
            f"none of {', '.join(ENGINES)} is installed here",
            "pip install 'egpo-verl[gpu]' for actor_rollout_ref.rollout.name=vllm",
        )


def _check_attention() -> Finding:
    version = installed("flash-attn")
    if version:
        return ok("attention", f"flash-attn {version}")
    return warn(
        "attention",
        "flash-attn is not installed, and models ask for it unless told otherwise",
        "pip install flash-attn==2.8.3 --no-build-isolation, or "
        "+actor_rollout_ref.model.override_config.attn_implementation=sdpa",
    )
