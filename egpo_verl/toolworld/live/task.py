"""One task: a service's world, what the user says turn by turn, and the calls that do it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from egpo_verl.calls import Call
from egpo_verl.envs.check import Replay
from egpo_verl.envs.script import Script, Turn
from egpo_verl.toolworld.live.spec import Service, Slot, State, Step
from egpo_verl.toolworld.live.world import World

KINDS = ("base", "missing_value", "missing_tool", "long_context")
MAX_TURNS = 4
"""Most user turns of a task."""
PACKAGE = "egpo_verl.toolworld.live"


def least_turns(kinds: Sequence[str]) -> int:
    """The most user turns that the shortest tasks of one of `kinds` take."""
    return 2 if any(kind.startswith("missing") for kind in kinds) else 1


@dataclass(frozen=True)
class Wish:
    """What the user wants of one tool.

    Attributes:
        step: that does it.
        values: all that is stated for it, or will be.
        record: id that the dialogue is about, "" where the wish names its record by values.
        calls: that do it, the lookups first.
    """

    step: Step
    values: Mapping[str, Any]
    record: str
    calls: tuple[Call, ...]


@dataclass(frozen=True)
class UserTurn:
    """A turn of the user.

    Attributes:
        wishes: that can be done now; empty where something is missing.
        missing_slot: the value that is left out.
        missing_tool: the tool that is not offered yet.
        new_tool: the tool that is offered from here on.
    """

    text: str
    wishes: tuple[Wish, ...] = ()
    missing_slot: Slot | None = None
    missing_tool: str = ""
    new_tool: str = ""

    @property
    def calls(self) -> tuple[Call, ...]:
        """The reference."""
        return tuple(call for wish in self.wishes for call in wish.calls)


@dataclass(frozen=True)
class Task:
    """A task.

    Attributes:
        service: whose world it is.
        kind: one of `KINDS`.
        row: keyword arguments of the world's `reset`.
        turns: of the user.
        states: of the world, before the first turn and after each.
        replay: what the reference leaves behind, as the check compares it.
    """

    service: Service
    kind: str
    row: Mapping[str, Any]
    turns: tuple[UserTurn, ...]
    states: Sequence[State]
    replay: Replay

    @property
    def script(self) -> Script:
        """The episode as a row of a training describes it."""
        turns = tuple(
            Turn(turn.text, (turn.new_tool,) if turn.new_tool else (), turn.calls)
            for turn in self.turns
        )
        return Script(turns, self.row, f"{PACKAGE}:{self.service.kind.__name__}")

    def world(self) -> World:
        """The world as it is before the first turn."""
        return world_of(self.service, self.row)


def world_of(service: Service, row: Mapping[str, Any]) -> World:
    """A new world."""
    world = service.kind()
    world.reset(**row)
    return world
