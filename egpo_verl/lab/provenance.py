"""What a run is written down with: versions, commit, machine."""

from __future__ import annotations

import os
import platform
import subprocess
from contextlib import suppress
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import egpo_verl

PACKAGES = ("verl", "torch", "transformers", "ray", "vllm", "tensordict", "TransferQueue")
SECONDS = 20


def now() -> str:
    """The time, in UTC."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def versions() -> dict[str, str]:
    """Of this package and of those that shape a training, where they are installed."""
    there = {"egpo_verl": egpo_verl.__version__, "python": platform.python_version()}
    for name in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            there[name] = metadata.version(name)
    return there


def commit() -> str:
    """Of the checkout that this package lies in, with `+` where files differ; empty elsewhere."""
    root = Path(egpo_verl.__file__).parents[1]
    if not (root / ".git").exists():
        return ""
    head = _output("git", "-C", str(root), "rev-parse", "HEAD")
    changed = _output("git", "-C", str(root), "status", "--porcelain", "--untracked-files=no")
    return head + ("+" if head and changed else "")


def machine() -> dict[str, Any]:
    """Processor, cores, memory, and GPUs where there are some."""
    gpus = _output("nvidia-smi", "--query-gpu=name", "--format=csv,noheader").splitlines()
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        **({"gpus": gpus} if gpus else {}),
    }


def _processor() -> str:
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _output(*command: str) -> str:
    with suppress(OSError, subprocess.SubprocessError):
        ran = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
        if ran.returncode == 0:
            return ran.stdout.strip()
    return ""
