"""The host of an environment, and the worlds that are forked from it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any

from egpo_verl.envs.host import LAST_WAIT, kill_worlds
from egpo_verl.envs.protocol import absolute
from egpo_verl.envs.world import GRACE, Limits, World, WorldError
from egpo_verl.errors import UserError

log = logging.getLogger("verl.egpo")

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
        self._is_imported = self._has_told = False

    async def __aenter__(self) -> Worlds:
        self._control, theirs = socket.socketpair()
        with theirs:
            number = theirs.fileno()
            limit = str(self.limits.reset + GRACE)
            command = [sys.executable, "-m", "egpo_verl.envs.host", str(number), limit]
            self._host = subprocess.Popen(
                [*command, self.factory],
                pass_fds=[number],
                env=_environment(),
                start_new_session=True,
            )
        try:
            async with self.open() as world:
                self._is_imported = True
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
        """End the host; worlds that are open end with their sockets.

        One that does not end, or that still imports, is killed: this blocks for seconds at most.
        """
        self._control.close()
        if self._is_imported:
            with suppress(subprocess.TimeoutExpired):
                self._host.wait(LAST_WAIT + GRACE)
        if self.is_running:
            kill_worlds(self._host.pid)
            os.killpg(self._host.pid, signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                self._host.wait(GRACE)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[World]:
        """A world in a process of its own, which ends with the context."""
        async with self._places:
            ours, theirs = socket.socketpair()
            with theirs, suppress(OSError):
                socket.send_fds(self._control, [b"w"], [theirs.fileno()])
            reader, writer = await asyncio.open_connection(sock=ours, limit=LONGEST_LINE)
            try:
                world = World(reader, writer, await self._pid(reader), self.limits, self._tell)
            except BaseException:
                writer.close()
                raise
            try:
                yield world
            finally:
                await asyncio.shield(world.close())

    async def _pid(self, reader: asyncio.StreamReader) -> int:
        """Of a new world. The host forks the first one when it has imported the environment."""
        limit = f"{self.limits.reset:g} s"
        try:
            pid = await asyncio.wait_for(reader.readline(), self.limits.reset)
        except asyncio.TimeoutError:
            if self._is_imported:
                raise WorldError(f"no world of {self.factory} started within {limit}.") from None
            raise UserError(
                f"{self.factory} is not imported after {limit}, its limit (reset_seconds)."
            ) from None
        if not pid:
            raise WorldError(f"the process that worlds of {self.factory} come from has ended.")
        return int(pid)

    def _tell(self, error: str) -> None:
        """Say once that `_close` raised, not for each of a thousand rollouts."""
        if not self._has_told:
            self._has_told = True
            log.warning(
                "egpo_verl: _close of %s raised, which is said once: %s", self.factory, error
            )


def _environment() -> dict[str, str]:
    """Of the host: it imports from where this process does."""
    inherited = {key: value for key, value in os.environ.items() if key not in NOT_INHERITED}
    return {**inherited, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
