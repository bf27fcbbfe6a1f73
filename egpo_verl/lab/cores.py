"""Cores of their own for runs at once: on shared ones their threads wait for each other."""

from __future__ import annotations

import os


def pin(process: int, slot: int, parallel: int) -> None:
    """Keep a process that has just begun, and all that it will start, on its share of the cores.

    Nothing happens where a run is alone, where there are fewer cores than runs, and on systems
    without such a call. `+machine=cpu` takes as many threads as it has cores.
    """
    if parallel < 2 or not hasattr(os, "sched_setaffinity"):
        return
    cores = sorted(os.sched_getaffinity(0))
    first, end = (len(cores) * place // parallel for place in (slot, slot + 1))
    if first < end:
        os.sched_setaffinity(process, cores[first:end])
