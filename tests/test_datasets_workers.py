"""A function over processes: in order, a few items ahead, and never waiting for the dead."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import psutil
import pytest
from worker_functions import length, squared

from egpo_verl.datasets.jobs.workers import WorkerDied, WorkerTraceback, map_in_processes

pytestmark = pytest.mark.slow
BIG = "x" * (1 << 20)
"""More than a pipe holds, so that who sends it waits for who reads it."""


def my_processes() -> list[psutil.Process]:
    children = psutil.Process().children()
    return [child for child in children if any("spawn_main" in word for word in child.cmdline())]


def test_results_come_in_order() -> None:
    assert list(map_in_processes(squared, range(50), 3)) == [
        number * number for number in range(50)
    ]
    assert list(map_in_processes(squared, [], 2)) == []
    assert not my_processes()


def test_only_a_few_items_are_taken_ahead() -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    results = map_in_processes(squared, items(), 2)
    assert [next(results) for _ in range(3)] == [0, 1, 4]
    assert len(taken) <= 3 + 2 * 2
    results.close()
    assert not my_processes()


def test_an_exception_comes_with_its_place() -> None:
    with pytest.raises(ValueError, match="-1 is negative") as raised:
        list(map_in_processes(squared, [1, -1, 2], 2))
    assert isinstance(raised.value.__cause__, WorkerTraceback)
    assert "worker_functions.py" in str(raised.value.__cause__)
    assert not my_processes()


@pytest.mark.parametrize("killed", [1, 2])
def test_killed_processes_are_an_error_at_once(killed: int) -> None:
    """Python's pool waits for ever here, in the versions that its module names."""
    results = map_in_processes(length, [BIG] * 200, 2)
    assert next(results) == len(BIG)
    for process in my_processes()[:killed]:
        process.kill()
    start = time.monotonic()
    with pytest.raises(WorkerDied):
        list(results)
    assert time.monotonic() - start < 30
    assert not my_processes()


def test_a_process_never_sees_an_interrupt() -> None:
    results = map_in_processes(length, [BIG] * 20, 2)
    next(results)
    for process in my_processes():
        os.kill(process.pid, signal.SIGINT)
    assert list(results) == [len(BIG)] * 19
