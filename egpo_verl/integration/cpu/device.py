"""The functions that verl expects of `torch.cuda`, for a CPU; what torch.cpu lacks is added.

Memory is the resident memory of the process, so that verl's `perf/max_memory_allocated_gb` says
something true.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from typing import Any

import torch
from torch import get_rng_state, set_rng_state
from torch.cpu import current_stream, stream, synchronize

__all__ = [
    "current_device",
    "current_stream",
    "device_count",
    "empty_cache",
    "get_device_name",
    "get_rng_state",
    "is_available",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "max_memory_reserved",
    "mem_get_info",
    "memory_allocated",
    "memory_reserved",
    "set_device",
    "set_per_process_memory_fraction",
    "set_rng_state",
    "stream",
    "synchronize",
]


def is_available() -> bool:
    return True


def device_count() -> int:
    return 1


def current_device() -> str:
    """The device as torch's `.to()` takes it; an index would mean an accelerator."""
    return "cpu"


def set_device(device: Any) -> None:
    """There is one device."""


def get_device_name(device: Any = None) -> str:
    return "cpu"


def manual_seed(seed: int) -> None:
    torch.manual_seed(seed)


manual_seed_all = manual_seed


def empty_cache() -> None:
    """The allocator of the C library keeps no cache that could be emptied."""


def set_per_process_memory_fraction(fraction: float, device: Any = None) -> None:
    """The operating system shares out memory."""


def memory_allocated(device: Any = None) -> int:
    """Resident memory of this process in bytes; where the system does not say, its peak."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    return max_memory_allocated()


def max_memory_allocated(device: Any = None) -> int:
    """Highest resident memory of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


memory_reserved = memory_allocated
max_memory_reserved = max_memory_allocated


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Free and total memory of the machine in bytes."""
    import psutil  # comes with Ray's and verl's requirements

    memory = psutil.virtual_memory()
    return memory.available, memory.total
