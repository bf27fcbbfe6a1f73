"""`env.*`: which environment a run trains in, and how its episodes are run and judged."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from egpo_verl.envs.episode import MAX_MESSAGES
from egpo_verl.envs.play import Rules
from egpo_verl.envs.world import Limits
from egpo_verl.errors import UserError

DAY = 86_400
"""Seconds; what a timer takes is not much more."""


@dataclass(frozen=True)
class Settings:
    """The node `env` of verl's configuration, as `+env=own` adds it.

    Attributes:
        factory: the environment, `FILE.py:Class` or `module:Class`; a row's own comes before it.
        max_messages: of the policy in one user turn.
        tool_seconds: time limit of a tool, of `_state`, `get_reward` and `_close` each.
        reset_seconds: time limit of `reset`, and of the import of the environment.
        max_worlds: worlds at once in one agent loop worker, a process each.
        strict_no_call: a call fails the turn where the reference calls nothing.
        stop_at_failure: an episode ends at the first user turn that fails.
    """

    factory: str | None = None
    max_messages: int = MAX_MESSAGES
    tool_seconds: float = 10.0
    reset_seconds: float = 60.0
    max_worlds: int = 256
    strict_no_call: bool = True
    stop_at_failure: bool = True

    @classmethod
    def of(cls, node: Mapping[str, Any] | None) -> Settings:
        """From `env`, which may be absent.

        Raises:
            UserError: an unknown name (the nearest known one is named) or a value out of range.
        """
        values = dict(node or {})
        known = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            if name not in known:
                near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.4)
                hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(known)}."
                raise UserError(f"env.{name} is not an option of environments; {hint}")
        settings = cls(**values)
        settings._check()
        return settings

    @property
    def rules(self) -> Rules:
        return Rules(self.max_messages, self.strict_no_call, self.stop_at_failure)

    @property
    def limits(self) -> Limits:
        return Limits(self.tool_seconds, self.reset_seconds)

    def _check(self) -> None:
        if self.factory is not None and ":" not in str(self.factory):
            raise UserError(f"env.factory={self.factory!r} must be FILE.py:Class or module:Class.")
        for name in ("max_messages", "max_worlds"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise UserError(f"env.{name}={value!r} must be a whole number above 0.")
        for name in ("tool_seconds", "reset_seconds"):
            value = getattr(self, name)
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not is_number or not 0 < value <= DAY:
                raise UserError(
                    f"env.{name}={value!r} must be a number above 0 and at most {DAY:,}, a day."
                )
        for name in ("strict_no_call", "stop_at_failure"):
            value = getattr(self, name)
            if not isinstance(value, bool):
                raise UserError(f"env.{name}={value!r} must be true or false.")
