"""Where the values of a world and of its users' requests come from."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from egpo_verl.toolworld.live.spec import Slot, State
from egpo_verl.toolworld.values import Pool, draw_at_home


def fresh(name: str, word: str, pool: Pool, table: str) -> Slot:
    """A value of the split from an open pool that no record of a table has in the field `name`."""

    def draw(rng: Random, split: str, state: State) -> str:
        values = [record[name] for record in state[table].values()]
        while (value := draw_at_home(rng, split, pool)) in values:
            pass
        return value

    return Slot(name, word, draw)


def between(name: str, word: str, low: int, high: int) -> Slot:
    """A whole number; small ones stand in every split."""
    return Slot(name, word, lambda rng, split, state: rng.randint(low, high))


def among(name: str, word: str, options: tuple[str, ...]) -> Slot:
    """One of a closed list, the same in every split."""
    return Slot(name, word, lambda rng, split, state: rng.choice(options))


def present(name: str, word: str, table: str, unless: tuple[str, str] = ("", "")) -> Slot:
    """A value of the field `name` in a table; records whose id stands in `unless`, a table and a
    field of it, are taken and left out."""
    users, key = unless

    def draw(rng: Random, split: str, state: State) -> Any:
        taken = {record[key] for record in state[users].values()} if users else set()
        return rng.choice(
            [record[name] for identity, record in state[table].items() if identity not in taken]
        )

    return Slot(name, word, draw)


def records(rng: Random, prefix: str, count: int, **fields: Callable[[], Any]) -> State:
    """A table of records with ids like `K42`; no two share a value of the first field."""
    (first, draw_first), *others = fields.items()
    values: dict[Any, None] = {}
    while len(values) < count:
        values[draw_first()] = None
    numbers = rng.sample(range(10, 50), count)  # what is opened later has higher ones
    return {
        f"{prefix}{number}": {first: value, **{name: draw() for name, draw in others}}
        for number, value in zip(numbers, values, strict=True)
    }


def at_home(rng: Random, split: str, pool: Pool) -> Callable[[], Any]:
    """Draws from a pool of values that belong to the split."""
    return lambda: draw_at_home(rng, split, pool)
