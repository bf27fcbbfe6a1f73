"""Runs of a study at once: each has cores that no other has."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from egpo_verl.lab.cores import pin

ALL = os.sched_getaffinity(0)


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Two that wait to be killed."""
    wait = [sys.executable, "-c", "input()"]
    started = [subprocess.Popen(wait, stdin=subprocess.PIPE) for _ in range(2)]
    yield started
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.skipif(len(ALL) < 2, reason="one core cannot be shared out")
def test_two_at_once_share_out_all_cores(processes: list[subprocess.Popen[bytes]]) -> None:
    for slot, process in enumerate(processes):
        pin(process.pid, slot, parallel=2)
    first, second = (os.sched_getaffinity(process.pid) for process in processes)
    assert not first & second
    assert first | second == ALL
    assert abs(len(first) - len(second)) <= 1


def test_one_alone_and_more_than_there_are_cores_stay_on_all(
    processes: list[subprocess.Popen[bytes]],
) -> None:
    pin(processes[0].pid, 0, parallel=1)
    pin(processes[1].pid, 0, parallel=len(ALL) + 1)
    assert [os.sched_getaffinity(process.pid) for process in processes] == [ALL, ALL]
