"""How long a task takes, and texts that no cache has seen."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from itertools import count

Task = Callable[..., object]
ROUNDS = 5
THOUGHT = f"<think>{'The user asks for something that one of the tools can do. ' * 12}</think>\n"


_numbers = count()


def fresh(text: str) -> str:
    """`text` with blanks behind it that no text had before: what JSON reads is the same."""
    digits = f"{next(_numbers):020b}"
    return text + digits.replace("0", " ").replace("1", "\n")


def microseconds(task: Callable[[], object], prepare: Task = tuple) -> float:
    """The least CPU time of `task` over the rounds, each after `prepare`."""
    best = float("inf")
    for _ in range(ROUNDS):
        prepare()
        start = time.thread_time()
        task()
        best = min(best, time.thread_time() - start)
    return best * 1e6


def table_row(name: str, times: Sequence[float]) -> str:
    """A line of the table: mean, median, 99th percentile."""
    mean, median = statistics.fmean(times), statistics.median(times)
    return f"| {name} | {mean:.1f} | {median:.1f} | {statistics.quantiles(times, n=100)[98]:.1f} |"
