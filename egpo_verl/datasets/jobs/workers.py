"""A function mapped over processes; one of them that is killed is an error, never a hang.

The standard library's `ProcessPoolExecutor` does it in fewer lines, but waits for ever where a
process is killed while an item larger than a pipe is on its way (Python 3.10, and 3.11 before
3.11.5: cpython issue 94777), and its processes live on for ever where this one is killed.
"""

from __future__ import annotations

import gc
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from traceback import format_exc
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
# "spawn": a tokenizer's threads do not survive a fork.
_SPAWN = get_context("spawn")


class WorkerDied(Exception):
    """A process ended in the middle of its work."""


class WorkerTraceback(Exception):
    """Where in the other process an exception was raised; its cause, as a text."""


def tune_garbage_collector() -> None:
    """Tune Python's garbage collector of cycles to rows, which have none; for whole processes.

    It would look at every remembered function again and again. What is loaded by
    now is left alone for good, and young objects are looked at by the hundred thousand.
    """
    gc.set_threshold(100_000)
    gc.freeze()


@dataclass
class _Worker:
    """A process, and our end of the pipe to it."""

    process: SpawnProcess
    end: Connection

    def answer(self, item: Any) -> Any:
        """What the process makes of the item."""
        try:
            self.end.send(item)
            result, error, where = self.end.recv()
        except (EOFError, OSError) as problem:
            raise WorkerDied(str(problem)) from problem
        if error is not None:
            raise error from WorkerTraceback(where)
        return result


def map_in_processes(
    function: Callable[[Item], Result], items: Iterable[Item], processes: int
) -> Generator[Result, None, None]:
    """`map(function, items)` over processes, in order, two items a process ahead.

    Args:
        function: importable; its items and results are sent.

    Raises:
        WorkerDied: a process was killed.
        Exception: what `function` raises, with a `WorkerTraceback` as its cause.
    """
    with _workers(function, processes) as workers, ThreadPoolExecutor(processes) as threads:
        idle, local = iter(workers), threading.local()

        def answer(item: Item) -> Result:
            if not hasattr(local, "worker"):
                local.worker = next(idle)
            result: Result = local.worker.answer(item)
            return result

        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(threads.submit(answer, item))
                if len(waiting) > 2 * processes:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
            # Threads that still wait for an answer wait no longer.
            _stop(workers)


@contextmanager
def _workers(function: Callable[[Any], Any], processes: int) -> Iterator[list[_Worker]]:
    workers: list[_Worker] = []
    try:
        with _interrupts_blocked():
            for _ in range(processes):
                ours, theirs = _SPAWN.Pipe()
                process = _SPAWN.Process(target=_serve, args=(function, theirs), daemon=True)
                process.start()
                # Only the process holds its end now, so that its death closes the pipe.
                theirs.close()
                workers.append(_Worker(process, ours))
        yield workers
    finally:
        _stop(workers)
        for worker in workers:
            worker.process.join()
            worker.end.close()


def _stop(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        worker.process.terminate()


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Ctrl-C is handled at the end of this; processes that start meanwhile never see one.

    A terminal sends it to them too, but it is the parent's to handle. They inherit its mask, which
    holds from their first instruction on.
    """
    # Starting it later would lift the mask.
    resource_tracker.ensure_running()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _serve(function: Callable[[Any], Any], end: Connection) -> None:
    """What a process does: answer items until the other end is closed."""
    tune_garbage_collector()
    while True:
        try:
            item = end.recv()
        except EOFError:
            return
        answer: tuple[Any, Exception | None, str]
        try:
            answer = function(item), None, ""
        except Exception as error:
            answer = None, error, format_exc()
        end.send(answer)
