"""`python -m egpo_verl.envs.host FD FACTORY`: the process that worlds are forked from.

It imports the environment once and then waits on the socket FD. For every socket that arrives there
it forks a process, which is one world: it answers lines of JSON, one request at a time, until the
other side closes. A fork takes a millisecond, shares the imports, and can be killed, which a thread
cannot: that is how a tool that hangs in C leaves nothing behind.

A time limit is an alarm in the world's own process, so a tool that hangs in Python, in a sleep or
in a socket is interrupted there and `_close()` is still called.
"""

from __future__ import annotations

import gc
import inspect
import json
import math
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from egpo_verl.envs.protocol import (
    CLOSE,
    REWARD,
    load,
    owns_reward,
    result_text,
    state_of,
    state_text,
    tools_of,
)
from egpo_verl.errors import UserError

LAST_WAIT = 5
"""Seconds that worlds get to end when the other side is gone."""
GRACE = 1.0
"""Seconds that a task gets beside its limit before the alarm takes what a cancellation did not."""


class TimeUp(BaseException):
    """Raised in a world's own thread; no `except Exception` of a tool takes it."""


class World:
    """What one process holds: the factory, and the world that `reset` made by it."""

    def __init__(self, factory: Callable[[], Any] | UserError) -> None:
        self._factory = factory
        self._world: Any = None
        self._loop: Any = None

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """`{"value"}`, `{"error"}` where user code raised, or `{"hung"}` where its time ended."""
        limit = float(request["limit"])
        try:
            signal.setitimer(signal.ITIMER_REAL, limit + GRACE * (self._loop is not None))
            try:
                return {"value": self._done(request, limit)}
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except TimeUp:
            return {"hung": True}
        except UserError as error:
            return {"error": str(error), "user": True}
        except BaseException as error:
            return {"error": f"{type(error).__name__}: {error}"}

    def _done(self, request: Mapping[str, Any], limit: float) -> Any:
        kind = request["do"]
        if isinstance(self._factory, UserError):
            raise self._factory
        if kind == "describe":
            made = type(self._factory())
            return {"tools": tools_of(made), "owns_reward": owns_reward(made)}
        if kind == "reset":
            self._world = self._factory()
            return _observation(self._result(self._world.reset, request["row"], limit))
        if kind == "call":
            method = getattr(self._world, request["name"])
            return result_text(self._result(method, request["arguments"], limit))
        if kind == "state":
            return state_text(self._awaited(state_of(self._world), limit))
        if kind == "reward":
            return _finite(self._result(getattr(self._world, REWARD), {}, limit))
        close = getattr(self._world, CLOSE, None)
        if callable(close):
            self._result(close, {}, limit)
        return None

    def _result(self, method: Callable[..., Any], arguments: Any, limit: float) -> Any:
        return self._awaited(method(**arguments), limit)

    def _awaited(self, value: Any, limit: float) -> Any:
        if not inspect.isawaitable(value):
            return value
        if self._loop is None:
            import asyncio  # twice the size of a world that needs none

            self._loop = asyncio.new_event_loop()
            signal.setitimer(signal.ITIMER_REAL, limit + GRACE)
        return self._loop.run_until_complete(_within(value, limit))


async def _within(task: Any, limit: float) -> Any:
    """The task's result; one that runs longer is cancelled."""
    import asyncio

    done, late = await asyncio.wait([asyncio.ensure_future(task)], timeout=limit)
    if done:
        return done.pop().result()
    late.pop().cancel()
    await asyncio.sleep(0)
    raise TimeUp


def _observation(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise UserError(f"reset returned {type(value).__name__}; it returns a text or None.")


def _finite(value: Any) -> float:
    reward = float(value)
    if not math.isfinite(reward):
        raise UserError(f"get_reward returned {reward}, which is not finite.")
    return reward


def _serve(connection: socket.socket, factory: Callable[[], Any] | UserError) -> None:
    """Answer until the other side closes."""
    world = World(factory)
    with connection.makefile("rwb") as lines:
        lines.write(b"%d\n" % os.getpid())
        lines.flush()
        for line in lines:
            reply = json.dumps(world.answer(json.loads(line))).encode()
            lines.write(reply + b"\n")
            lines.flush()


def _fork(connection: socket.socket, control: socket.socket, factory: Any) -> None:
    """One world in a process, and a process group, of its own; nothing of it outlives it."""
    if os.fork():
        connection.close()
        return
    os.setpgid(0, 0)
    control.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, _time_is_up)
    with suppress(BaseException):
        _serve(connection, factory)
    connection.close()
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os.killpg(0, signal.SIGKILL)  # with whatever a tool has started


def _time_is_up(number: int, frame: FrameType | None) -> NoReturn:
    raise TimeUp


def _loaded(name: str) -> Callable[[], Any] | UserError:
    try:
        return load(name)
    except UserError as error:
        return error


def _bury() -> None:
    """Wait for the worlds, which end when their sockets close, and kill those that hang."""
    signal.signal(signal.SIGALRM, _time_is_up)
    signal.alarm(LAST_WAIT)
    with suppress(ChildProcessError, TimeUp):
        os.wait()
    with suppress(OSError):
        for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
            os.killpg(int(child), signal.SIGKILL)


def main() -> None:
    """Fork a world for every socket that comes, until the other side is gone."""
    control = socket.socket(fileno=int(sys.argv[1]))
    factory = _loaded(sys.argv[2])
    if any(map(inspect.iscoroutinefunction, vars(factory).values())):
        import asyncio  # noqa: F401  once, and not in each world
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the other side's to take
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries the dead
    gc.collect()
    gc.freeze()  # so that a collection in a child copies no page that they share
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not message:
            break
        for descriptor in descriptors:
            _fork(socket.socket(fileno=descriptor), control, factory)
    _bury()


if __name__ == "__main__":
    main()
