"""A world in a process of its own, spoken to from an event loop."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from egpo_verl.envs.episode import Result
from egpo_verl.envs.misfit import refusal
from egpo_verl.errors import UserError

GRACE = 2.0
"""Seconds beside a limit after which a process that does not answer is killed."""


@dataclass(frozen=True)
class Limits:
    """Time limits in seconds: of a tool, `_state`, `get_reward` and `_close` each, and of `reset`
    with the import of the environment."""

    tool: float = 10.0
    reset: float = 60.0


class Hung(Exception):
    """A tool ran past its limit, or took the process of its world down."""


class WorldError(Exception):
    """`reset`, `_state` or `get_reward` raised, or a state is no JSON: the rollout fails."""


class World:
    """One world. `Worlds.open` makes it.

    Args:
        tell: takes the error of a `_close` that raised, which is no reason to fail a rollout.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        pid: int,
        limits: Limits,
        tell: Callable[[str], None],
    ) -> None:
        self._reader, self._writer, self._pid, self._limits = reader, writer, pid, limits
        self._tell, self._is_made = tell, False

    async def reset(self, row: Mapping[str, Any]) -> str | None:
        """Make a new world; what the first prompt shows of it. One before it is closed."""
        if self._is_made:
            await self._end()
        self._is_made = True
        value = await self._sure("reset", self._limits.reset, row=dict(row))
        return value if isinstance(value, str) else None

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Result:
        """Call a tool; one that raises answers with its error.

        Raises:
            Hung: see there.
        """
        request = {"name": name, "arguments": dict(arguments)}
        reply = await self._ask("call", self._limits.tool, **request)
        if "error" in reply:
            return Result(refusal(reply["error"]), True)
        return Result(reply["value"])

    async def state(self) -> str:
        """The whole state, equal texts for equal states."""
        return str(await self._sure("state", self._limits.tool))

    async def reward(self) -> float:
        """What the environment's `get_reward` says."""
        return float(await self._sure("reward", self._limits.tool))

    async def close(self) -> None:
        """Call `_close()` and end the process, whatever it does."""
        try:
            await self._end()
        except BaseException:
            self._kill()
            raise
        finally:
            self._writer.close()

    async def describe(self) -> dict[str, Any]:
        """The tools, and whether the environment scores itself."""
        self._is_made = True
        description: dict[str, Any] = await self._sure("describe", self._limits.reset)
        return description

    async def _end(self) -> None:
        with suppress(Hung):
            reply = await self._ask("close", self._limits.tool)
            if "error" in reply:
                self._tell(reply["error"])

    async def _sure(self, do: str, limit: float, **more: Any) -> Any:
        try:
            reply = await self._ask(do, limit, **more)
        except Hung as error:
            raise WorldError(f"{do}: {error}") from error
        if "error" in reply:
            raise (UserError if reply.get("user") else WorldError)(_words(do, reply["error"]))
        return reply["value"]

    async def _ask(self, do: str, limit: float, **more: Any) -> dict[str, Any]:
        request = {"do": do, "limit": limit, **more}
        killer = asyncio.get_running_loop().call_later(limit + GRACE, self._kill)
        try:
            self._writer.write(json.dumps(request).encode() + b"\n")
            line = await self._reader.readline()
        except OSError:
            line = b""
        finally:
            killer.cancel()
        if not line:
            raise Hung(f"the world's process ended, or did not answer within {limit:g} s.")
        reply: dict[str, Any] = json.loads(line)
        if "hung" in reply:
            raise Hung(f"no answer within {limit:g} s.")
        return reply

    def _kill(self) -> None:
        # While its socket is open, the number is still that of the world's process.
        if not self._reader.at_eof():
            with suppress(OSError):
                os.killpg(self._pid, signal.SIGKILL)


def _words(do: str, error: str) -> str:
    return error if do == "describe" else f"{do}: {error}"
