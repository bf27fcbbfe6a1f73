"""What the rollouts of one process share: the environments, and what references leave behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from egpo_verl.envs.check import Replay
from egpo_verl.envs.play import replay_of
from egpo_verl.envs.script import Script
from egpo_verl.envs.settings import Settings
from egpo_verl.envs.worlds import Worlds
from egpo_verl.errors import UserError

REPLAYS = 512
"""References that are remembered; the rollouts of a group come one after the other."""

Value = TypeVar("Value")


class Once(Generic[Value]):
    """Values that are made once for all who ask at the same time; failures are made again."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._tasks: dict[tuple[str, ...], asyncio.Task[Value]] = {}

    async def get(self, key: tuple[str, ...], make: Callable[[], Awaitable[Value]]) -> Value:
        """The value of a key, by `make` where there is none yet."""
        task = self._tasks.get(key)
        if task is None:
            task = self._tasks[key] = asyncio.ensure_future(_made(make))
            if len(self._tasks) > self._most:
                self._tasks.pop(next(iter(self._tasks)))
        try:
            return await asyncio.shield(task)
        except BaseException:
            if task.done():
                self._tasks.pop(key, None)
            raise

    def forget(self, key: tuple[str, ...], value: Value) -> None:
        """Make the value of a key anew when it is asked for, unless that was done already."""
        task = self._tasks.get(key)
        if task is not None and task.done() and task.result() is value:
            del self._tasks[key]

    def made(self) -> list[Value]:
        """The values that are there."""
        tasks = [task for task in self._tasks.values() if task.done() and not task.cancelled()]
        return [task.result() for task in tasks if task.exception() is None]


async def _made(make: Callable[[], Awaitable[Value]]) -> Value:
    return await make()


class Shared:
    """Environments of one event loop by their factory; each ends with this process."""

    def __init__(self) -> None:
        self._worlds: Once[Worlds] = Once(64)
        self._replays: Once[Replay] = Once(REPLAYS)

    async def worlds(self, script: Script, settings: Settings) -> Worlds:
        """The environment of a script.

        Raises:
            UserError: neither the row nor `env.factory` names one, or it cannot be used.
        """
        factory = script.factory or settings.factory
        if factory is None:
            raise UserError(
                "no environment is named: set env.factory=FILE.py:Class, or 'factory' in the row."
            )

        async def make() -> Worlds:
            worlds = Worlds(factory, settings.limits, settings.max_worlds)
            return await worlds.__aenter__()

        worlds = await self._worlds.get((factory,), make)
        if not worlds.is_running:
            worlds.stop()
            self._worlds.forget((factory,), worlds)
            worlds = await self._worlds.get((factory,), make)
        return worlds

    def stop(self) -> None:
        """End the environments."""
        for worlds in self._worlds.made():
            worlds.stop()

    async def replay(self, text: str, script: Script, worlds: Worlds) -> Replay | None:
        """What the reference of a row, `text`, leaves behind; None where the world is the judge."""
        if worlds.owns_reward:
            return None
        return await self._replays.get((worlds.factory, text), lambda: replay_of(script, worlds))
