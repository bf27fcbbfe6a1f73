"""Names and prices to be looked up in a small table of the question."""

from __future__ import annotations

from random import Random

from egpo_verl.toolworld import values
from egpo_verl.toolworld.derived.amounts import total
from egpo_verl.toolworld.derived.derivation import Clause, Derivation, Scene, Slot, numbers_near
from egpo_verl.toolworld.values import draw_at_home

Rows = list[tuple[str, int]]
LEAST = (
    "the cheapest {thing}",
    "the {thing} with the lowest price",
    "the {thing} that costs least",
)
MOST = (
    "the most expensive {thing}",
    "the {thing} with the highest price",
    "the {thing} that costs most",
)
ONE = ("the price of {a}", "what {a} costs", "the cost of {a}")
TWO = ("the price of {a} and {b}", "what {a} and {b} cost together", "the cost of {a} plus {b}")
GOODS = ("tea", "milk", "rice", "bread", "soap", "honey", "pasta", "coffee", "butter", "cheese")


def listed(thing: str) -> Slot:
    """A name that is the cheapest or the dearest of a table."""

    def plain(rng: Random, scene: Scene) -> Clause:
        value = draw_at_home(rng, scene.split, values.name)
        return Clause(value, f"the {thing} {value}")

    def derived(rng: Random, scene: Scene) -> Clause:
        rows = _rows(rng, scene, _names(rng, scene, 4 if scene.larger else 3))
        least = rng.random() < 0.5
        value, _ = (min if least else max)(rows, key=_price)
        words = rng.choice(LEAST if least else MOST).format(thing=thing)
        guesses = tuple(name for name, _ in rows if name != value)
        steps, mistake = (_compared(rows, least, mistaken) for mistaken in (False, True))
        derivation = Derivation(thing, value, steps, mistake, guesses)
        return Clause(value, words, _table(rng, thing, rows), derivation=derivation)

    return Slot(thing, {"type": "string"}, plain, derived, "table")


def price(name: str = "price") -> Slot:
    """A price that stands in a table, or the sum of two."""

    def plain(rng: Random, scene: Scene) -> Clause:
        value = draw_at_home(rng, scene.split, lambda rng: rng.randint(11, 99))
        return Clause(value, str(value))

    def derived(rng: Random, scene: Scene) -> Clause:
        rows = _rows(rng, scene, rng.sample(GOODS, 4 if scene.larger else 3))
        (a, one), (b, two) = rng.sample(rows, 2)
        context = _table(rng, "item", rows)
        if scene.larger:
            sum_ = total(name, one, two)
            derivation = Derivation(
                name,
                sum_.value,
                f"{a} {one}, {b} {two}, {sum_.steps}",
                f"{a} {one}, {b} {two}, {sum_.mistake}",
                sum_.guesses,
            )
            words = rng.choice(TWO).format(a=a, b=b)
            return Clause(sum_.value, words, context, derivation=derivation)
        guesses = tuple(other for _, other in rows if other != one) + numbers_near(one)[:1]
        steps, mistake = f"{a} is {one}, so {one}", f"{b} is {two}, so {two}"
        derivation = Derivation(name, one, steps, mistake, guesses)
        return Clause(one, rng.choice(ONE).format(a=a), context, derivation=derivation)

    return Slot(name, {"type": "integer"}, plain, derived, "table")


def _price(row: tuple[str, int]) -> int:
    return row[1]


def _names(rng: Random, scene: Scene, count: int) -> list[str]:
    names: list[str] = []
    while len(names) < count:
        name = draw_at_home(rng, scene.split, values.name)
        names += [name] if name not in names else []
    return names


def _rows(rng: Random, scene: Scene, names: list[str]) -> Rows:
    """A price for each name, no two alike."""
    return list(zip(names, rng.sample(range(11, 100), len(names)), strict=True))


def _compared(rows: Rows, least: bool, mistaken: bool = False) -> str:
    """`74, 52 < 74, 91 > 52, the least is 52, so Red Swan`.

    A mistake is in the last comparison, so it always gives another name.
    """
    best, steps = rows[0], [str(rows[0][1])]
    for row in rows[1:]:
        wrong = mistaken and row is rows[-1]
        below = (row[1] < best[1]) != wrong
        steps.append(f"{row[1]} {'<' if below else '>'} {best[1]}")
        best = row if below == least else best
    steps += [f"the {'least' if least else 'most'} is {best[1]}", f"so {best[0]}"]
    return ", ".join(steps)


def _table(rng: Random, thing: str, rows: Rows) -> str:
    form = rng.randrange(4)
    if form == 0:
        return "\n".join([f"| {thing} | price |", *(f"| {name} | {n} |" for name, n in rows), ""])
    if form == 1:
        return f"Prices: {', '.join(f'{name} {n}' for name, n in rows)}."
    if form == 2:
        return " ".join(f"{name} costs {n}." for name, n in rows)
    return "\n".join([f"{thing}: price", *(f"{name}: {n}" for name, n in rows), ""])
