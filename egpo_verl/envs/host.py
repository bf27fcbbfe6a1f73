"""`python -m egpo_verl.envs.host FD LIMIT FACTORY`: the process that worlds are forked from.

It imports the environment once and then waits on the socket FD. For every socket that arrives there
it forks a process, which is one world: it answers lines of JSON, one request at a time, until the
other side closes. A fork takes a millisecond, shares the imports, and can be killed, which a thread
cannot: that is how a tool that hangs in C leaves nothing behind.
"""

from __future__ import annotations

import gc
import inspect
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from egpo_verl.envs.inside import TimeUp, World, time_is_up
from egpo_verl.envs.protocol import load
from egpo_verl.errors import UserError

LAST_WAIT = 2
"""Seconds that worlds get to end when the other side is gone."""


def _serve(connection: socket.socket, factory: Callable[[], Any] | UserError) -> None:
    """Answer until the other side closes."""
    world = World(factory)
    with connection.makefile("rwb") as lines:
        lines.write(b"%d\n" % os.getpid())
        lines.flush()
        for line in lines:
            reply = json.dumps(world.answer(json.loads(line)), ensure_ascii=False)
            # Half a surrogate pair is no Unicode, and a tokenizer raises on it: it becomes a "?".
            lines.write(reply.encode(errors="replace") + b"\n")
            lines.flush()


def _fork(connection: socket.socket, control: socket.socket, factory: Any) -> None:
    """One world in a process, and a process group, of its own; nothing of it outlives it."""
    _flush()  # what waits to be written would be written by each world again
    if os.fork():
        connection.close()
        return
    os.setpgid(0, 0)
    control.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGALRM, time_is_up)
    with suppress(BaseException):
        _serve(connection, factory)
    connection.close()
    _flush()
    os.killpg(0, signal.SIGKILL)  # with whatever a tool has started


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()


def _loaded(name: str) -> Callable[[], Any] | UserError:
    try:
        return load(name)
    except UserError as error:
        return error


def _bury() -> None:
    """Wait for the worlds, which end when their sockets close, and kill those that hang."""
    signal.signal(signal.SIGALRM, time_is_up)
    signal.alarm(LAST_WAIT)
    with suppress(ChildProcessError, TimeUp):
        os.wait()
    kill_worlds(os.getpid())


def kill_worlds(host: int) -> None:
    """Kill the worlds that a host has forked, with what they have started."""
    with suppress(OSError):
        for child in Path(f"/proc/{host}/task/{host}/children").read_text().split():
            with suppress(OSError):  # what an import has started is in the group of the host
                os.killpg(int(child), signal.SIGKILL)


def main() -> None:
    """Fork a world for every socket that comes, until the other side is gone."""
    control = socket.socket(fileno=int(sys.argv[1]))
    # Ends this process, in C too: nobody waits for the import any more, or nobody is there.
    signal.setitimer(signal.ITIMER_REAL, float(sys.argv[2]))
    factory = _loaded(sys.argv[3])
    signal.setitimer(signal.ITIMER_REAL, 0)
    if any(map(inspect.iscoroutinefunction, getattr(factory, "__dict__", {}).values())):
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
