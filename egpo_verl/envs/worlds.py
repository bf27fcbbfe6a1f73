"""The host of an environment, and the worlds that are forked from it."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any

from egpo_verl.envs.protocol import absolute
from egpo_verl.envs.world import Limits, World, WorldError

LONGEST_LINE = 1 << 28
"""Bytes of a world's answer."""
NOT_INHERITED = ("VERL_USE_EXTERNAL_MODULES", "VERL_PLATFORM")
"""They would load verl, and torch, into the process that is forked."""


class Worlds:
    """The host of one environment: `async with Worlds(factory) as worlds`.

    Attributes:
        tools: the schemas of its tools.
        owns_reward: whether `get_reward` replaces the check.
    """

    def __init__(self, factory: str, limits: Limits | None = None, at_once: int = 512) -> None:
        self.factory, self.limits = absolute(factory), limits or Limits()
        self.tools: list[dict[str, Any]] = []
        self.owns_reward = False
        self._places = asyncio.Semaphore(at_once)

    async def __aenter__(self) -> Worlds:
        self._control, theirs = socket.socketpair()
        with theirs:
            number = theirs.fileno()
            command = [sys.executable, "-m", "egpo_verl.envs.host", str(number), self.factory]
            self._host = subprocess.Popen(
                command, pass_fds=[number], env=_environment(), start_new_session=True
            )
        try:
            async with self.open() as world:
                description = await world.describe()
        except BaseException:
            self.stop()
            raise
        self.tools, self.owns_reward = description["tools"], description["owns_reward"]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def is_running(self) -> bool:
        """Whether the host is there; the system may have ended it where memory ran out."""
        return self._host.poll() is None

    def stop(self) -> None:
        """End the host; worlds that are open end with their sockets."""
        self._control.close()
        self._host.wait()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[World]:
        """A world in a process of its own, which ends with the context."""
        async with self._places:
            ours, theirs = socket.socketpair()
            with theirs, suppress(OSError):
                socket.send_fds(self._control, [b"w"], [theirs.fileno()])
            reader, writer = await asyncio.open_connection(sock=ours, limit=LONGEST_LINE)
            pid = await reader.readline()
            if not pid:
                writer.close()
                raise WorldError(f"the process that worlds of {self.factory} come from has ended.")
            world = World(reader, writer, int(pid), self.limits)
            try:
                yield world
            finally:
                await asyncio.shield(world.close())


def _environment() -> dict[str, str]:
    """Of the host: it imports from where this process does."""
    inherited = {key: value for key, value in os.environ.items() if key not in NOT_INHERITED}
    return {**inherited, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
