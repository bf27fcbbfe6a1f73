"""A world inside its own process: what it answers, each answer within a time limit.

The limit is an alarm in this process, so a tool that hangs in Python, in a sleep or in a socket is
interrupted there and `_close()` is still called.
"""

from __future__ import annotations

import inspect
import math
import signal
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from types import FrameType
from typing import Any, NoReturn

from egpo_verl.envs.protocol import (
    CLOSE,
    REWARD,
    TOOLS,
    owns_reward,
    result_text,
    state_of,
    state_text,
    tools_of,
)
from egpo_verl.errors import UserError

GRACE = 1.0
"""Seconds that a task gets beside its limit before the alarm takes what a cancellation did not."""


class TimeUp(BaseException):
    """Raised in a world's thread; no `except Exception` of a tool takes it."""


class Gone(Exception):
    """What runs a world's tools has ended, as a server can: the world cannot go on."""


def time_is_up(number: int, frame: FrameType | None) -> NoReturn:
    """What the alarm does in a world's process."""
    raise TimeUp


class World:
    """What one process holds: the factory, and the world that `reset` made by it."""

    def __init__(self, factory: Callable[[], Any] | UserError) -> None:
        self._factory = factory
        self._world: Any = None
        self._is_reset = False
        self._loop: Any = None

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """`{"value"}`, `{"error"}` where user code raised, or `{"hung"}` where its time ended.

        A tool that takes down what runs it has hung, too.
        """
        limit = float(request["limit"])
        try:
            signal.setitimer(signal.ITIMER_REAL, limit + GRACE * (self._loop is not None))
            try:
                return {"value": self._done(request, limit)}
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except TimeUp:
            return {"hung": True}
        except Gone as error:
            return {"hung": True} if request["do"] == "call" else {"error": str(error)}
        except UserError as error:
            return {"error": str(error), "user": True}
        except BaseException as error:
            return {"error": f"{type(error).__name__}: {error}"}

    def _done(self, request: Mapping[str, Any], limit: float) -> Any:
        kind = request["do"]
        if kind == "close":
            return self._close(limit)
        if isinstance(self._factory, UserError):
            raise self._factory
        if kind == "describe":
            made = self._world = self._factory()
            list_tools = getattr(made, TOOLS, None)
            tools = (
                self._awaited(list_tools(), limit) if callable(list_tools) else tools_of(type(made))
            )
            return {"tools": tools, "owns_reward": owns_reward(type(made))}
        if kind == "reset":
            self._world = self._factory()
            observation = _observation(self._result(self._world.reset, request["row"], limit))
            self._is_reset = True
            return observation
        if kind == "call":
            method = getattr(self._world, request["name"])
            return result_text(self._result(method, request["arguments"], limit))
        if kind == "state":
            return state_text(self._awaited(state_of(self._world), limit))
        return _finite(self._result(getattr(self._world, REWARD), {}, limit))

    def _close(self, limit: float) -> None:
        """Close the world there is. One that was never reset may lack what it would close."""
        world, is_reset = self._world, self._is_reset
        self._world, self._is_reset = None, False
        close = getattr(world, CLOSE, None)
        if callable(close):
            with nullcontext() if is_reset else suppress(Exception):
                self._result(close, {}, limit)

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
