"""The share of the machine that this process has."""

from __future__ import annotations

import os


def usable_cores() -> int:
    """Cores that the process may run on: fewer than the machine has after `taskset`, by which runs
    side by side keep out of each other's way."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
