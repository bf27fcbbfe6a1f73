"""A tool as the generator knows it: schema, values, and the words in which people ask for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from egpo_verl.toolworld.values import Pool, draw_at_home

Draw = Callable[[Random, str], Any]
OPEN_RANGE = 100
"""From this many possible whole numbers on, train and test take different ones."""


@dataclass(frozen=True)
class Param:
    """One parameter of a tool.

    Attributes:
        draw: `(rng, split) -> value`, a value that may stand in that split.
        say: `(value, rng) -> words`, how a question states the value.
        kind: `string`, `integer`, `number`, `boolean`, `enum`, `array` or `object`.
    """

    name: str
    schema: Mapping[str, Any]
    draw: Draw
    say: Callable[[Any, Random], str]
    kind: str
    required: bool = True

    @property
    def deep(self) -> bool:
        """Whether its values hold other values."""
        return self.kind in ("array", "object")


@dataclass(frozen=True)
class Spec:
    """One tool.

    Attributes:
        asks: imperative clauses that ask for it and state no value.
        params: its parameters, in the order in which a question states them.
        held_out: only `test_hard` may ask for it or offer it.
    """

    name: str
    description: str
    asks: tuple[str, ...]
    params: tuple[Param, ...]
    held_out: bool = False

    @property
    def required(self) -> tuple[Param, ...]:
        """The parameters that a call must give."""
        return tuple(param for param in self.params if param.required)

    @property
    def deep(self) -> bool:
        """Whether a required parameter holds other values."""
        return any(param.deep for param in self.required)

    def tool(self) -> dict[str, Any]:
        """The tool in JSON Schema, as a prompt shows it."""
        return {
            "name": self.name,
            "description": self.description,
            "parameters": {
                "type": "object",
                "properties": {param.name: dict(param.schema) for param in self.params},
                "required": [param.name for param in self.required],
            },
        }


def spell(value: object) -> str:
    """A value in the words of a question: `['a', 'b', 'c']` is `a, b and c`."""
    if isinstance(value, list):
        *head, last = map(spell, value)
        return f"{', '.join(head)} and {last}" if head else last
    return str(value)


def optional(param: Param, default: object = None) -> Param:
    """The same parameter, not required; a `default` other than None is shown in the schema."""
    schema = param.schema if default is None else {**param.schema, "default": default}
    return replace(param, schema=schema, required=False)


def text(name: str, pool: Pool, *phrases: str) -> Param:
    """A string from `pool`; `phrases` hold `{}` where the value goes."""
    schema = {"type": "string"}
    return Param(
        name, schema, lambda rng, split: draw_at_home(rng, split, pool), _words(phrases), "string"
    )


def whole(name: str, low: int, high: int, *phrases: str) -> Param:
    """An integer from `low` to `high`."""

    def draw(rng: Random, split: str) -> int:
        if high - low < OPEN_RANGE:
            return rng.randint(low, high)
        return draw_at_home(rng, split, lambda rng: rng.randint(low, high))

    return Param(name, {"type": "integer"}, draw, _words(phrases), "integer")


def real(name: str, low: int, high: int, *phrases: str) -> Param:
    """A number with one decimal that is not 0, so that it is never written as an integer."""

    def tenths(rng: Random) -> float:
        return (10 * rng.randrange(low, high) + rng.randint(1, 9)) / 10

    def draw(rng: Random, split: str) -> float:
        return draw_at_home(rng, split, tenths)

    return Param(name, {"type": "number"}, draw, _words(phrases), "number")


def flag(name: str, yes: str, no: str) -> Param:
    """A boolean, stated by one phrase or the other."""

    def say(value: bool, rng: Random) -> str:
        return yes if value else no

    return Param(name, {"type": "boolean"}, lambda rng, split: rng.random() < 0.5, say, "boolean")


def choice(name: str, options: Sequence[str], *phrases: str) -> Param:
    """A string out of a closed list."""
    schema = {"type": "string", "enum": list(options)}
    return Param(name, schema, lambda rng, split: rng.choice(options), _words(phrases), "enum")


def several(name: str, pool: Pool, *phrases: str) -> Param:
    """A list of two or three different strings from an open pool."""
    return _strings(name, lambda rng, split: draw_at_home(rng, split, pool), phrases)


def subset(name: str, options: Sequence[str], *phrases: str) -> Param:
    """A list of two or three strings out of a closed list, the same in every split."""
    return _strings(name, lambda rng, split: rng.choice(options), phrases)


def record(name: str, *fields: Param) -> Param:
    """An object whose fields, all required, are stated one after the other."""
    schema = {
        "type": "object",
        "properties": {field.name: dict(field.schema) for field in fields},
        "required": [field.name for field in fields],
    }

    def draw(rng: Random, split: str) -> dict[str, Any]:
        return {field.name: field.draw(rng, split) for field in fields}

    def say(value: Mapping[str, Any], rng: Random) -> str:
        return " ".join(field.say(value[field.name], rng) for field in fields)

    return Param(name, schema, draw, say, "object")


def _words(phrases: Sequence[str]) -> Callable[[Any, Random], str]:
    return lambda value, rng: rng.choice(phrases).replace("{}", spell(value))


def _strings(name: str, draw_one: Draw, phrases: Sequence[str]) -> Param:
    def draw(rng: Random, split: str) -> list[str]:
        values: list[str] = []
        size = rng.randint(2, 3)
        while len(values) < size:
            value = draw_one(rng, split)
            if value not in values:
                values.append(value)
        return values

    schema = {"type": "array", "items": {"type": "string"}}
    return Param(name, schema, draw, _words(phrases), "array")
