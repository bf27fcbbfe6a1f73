"""A service as the generator knows it: what people ask of it, in which words, and what that means.

The meaning is declared beside the service's class and not by it, so that each says independently
which end state a request has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from typing import Any, Protocol

from egpo_verl.envs.protocol import tools_of
from egpo_verl.toolworld.live.world import World

State = dict[str, Any]
Values = Mapping[str, Any]
Asks = Mapping[str, tuple[str, ...]]
"""The name of the slot that is left out, or "" -> imperative clauses with `{slot}` for the rest."""


@dataclass(frozen=True)
class Slot:
    """A value that the user states.

    Attributes:
        name: of the parameter; in a clause, `{name}` stands for it.
        word: what people call it.
        draw: `(rng, split, state) -> value`; raises `IndexError` where there is none to choose.
    """

    name: str
    word: str
    draw: Callable[[Random, str, State], Any]


class Effect(Protocol):
    """What a call changes."""

    def apply(self, state: State, arguments: Values) -> None:
        """Make the change in a state."""


@dataclass(frozen=True)
class Adds:
    """A new record: the fields are parameters, the rest is fixed."""

    table: str
    prefix: str
    fields: tuple[str, ...]
    rest: Mapping[str, Any] = field(default_factory=dict)

    def apply(self, state: State, arguments: Values) -> None:
        record = {name: arguments[name] for name in self.fields}
        state[self.table][f"{self.prefix}{state['number']}"] = {**record, **self.rest}
        state["number"] += 1


@dataclass(frozen=True)
class Changes:
    """A field of a record takes a parameter's value, or grows by it."""

    table: str
    key: str
    field: str
    by: str
    grows: bool = False

    def apply(self, state: State, arguments: Values) -> None:
        record = state[self.table][arguments[self.key]]
        value = arguments[self.by]
        record[self.field] = record[self.field] + value if self.grows else value


@dataclass(frozen=True)
class Removes:
    """A record goes."""

    table: str
    key: str

    def apply(self, state: State, arguments: Values) -> None:
        del state[self.table][arguments[self.key]]


@dataclass(frozen=True)
class Step:
    """A tool, and how people ask for what it does.

    Attributes:
        slots: parameters that the user states.
        reads: parameter -> the lookup whose result has it under the same name.
        key: parameter that is the id of the record that the dialogue is about; where no earlier
            turn has opened one, `reads` says which lookup has it.
        asks: clauses that stand alone, with the slots of the lookups too.
        again: clauses about the record that the dialogue is about.
        table: of a lookup, where the record is whose fields are the slots.
        gives: of a lookup or an opening, the key of the id in its result.
        effect: None for a lookup.
    """

    tool: str
    slots: tuple[Slot, ...] = ()
    reads: Mapping[str, str] = field(default_factory=dict)
    key: str = ""
    asks: Asks = field(default_factory=dict)
    again: Asks = field(default_factory=dict)
    table: str = ""
    gives: str = ""
    effect: Effect | None = None

    @property
    def opens(self) -> bool:
        """Whether later requests can be about what it makes."""
        return isinstance(self.effect, Adds)


@dataclass(frozen=True)
class Service:
    """A class, what people ask of it, and how its worlds are made.

    Attributes:
        kind: the class.
        steps: for every tool of it.
        draw: `(rng, split) -> tables`.
        held_out: only `test_hard` has it.
    """

    kind: type[World]
    steps: tuple[Step, ...]
    draw: Callable[[Random, str], State]
    held_out: bool = False

    @cached_property
    def tools(self) -> list[dict[str, Any]]:
        """The schemas of the tools, in the order in which an episode offers them."""
        return tools_of(self.kind)

    def step(self, tool: str) -> Step:
        """The step of a tool."""
        return next(step for step in self.steps if step.tool == tool)

    def slots(self, step: Step, known: bool) -> tuple[Slot, ...]:
        """What the user states for a step and the lookups before it.

        Args:
            known: whether the step is about a record of an earlier turn.
        """
        lookups = [
            self.step(tool)
            for name, tool in step.reads.items()
            if not self._is_known(step, name, known)
        ]
        return (*(slot for one in lookups for slot in one.slots), *step.slots)

    def arguments(self, step: Step, values: Values, state: State, record: str) -> dict[str, Any]:
        """The arguments of a call that does what is meant, by what the state holds.

        Args:
            values: that the user states.
            record: id that the dialogue is about, or "".
        """
        arguments = {slot.name: values[slot.name] for slot in step.slots}
        for name, tool in step.reads.items():
            if not self._is_known(step, name, bool(record)):
                lookup = self.step(tool)
                arguments[name] = _identity(state[lookup.table], lookup, values)
        return {**arguments, step.key: record} if step.key and record else arguments

    def meant(self, step: Step, values: Values, state: State, record: str) -> State:
        """The state after what is meant; nothing of the service's class is asked."""
        after = deepcopy(state)
        if step.effect is not None:
            step.effect.apply(after, self.arguments(step, values, state, record))
        return after

    @staticmethod
    def _is_known(step: Step, name: str, known: bool) -> bool:
        return known and name == step.key


def _identity(table: Mapping[str, Any], lookup: Step, values: Values) -> str:
    """The id of the one record that has the stated values."""
    (identity,) = (
        identity
        for identity, record in table.items()
        if all(record[slot.name] == values[slot.name] for slot in lookup.slots)
    )
    return identity
