"""Amounts told in another unit: `2 hours and 25 minutes`, `4 dozen`."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from egpo_verl.toolworld.derived.derivation import Clause, Derivation, Scene, Slot, numbers_near
from egpo_verl.toolworld.values import draw_at_home


@dataclass(frozen=True)
class Unit:
    """A unit of a parameter, and the larger one that people use.

    Attributes:
        small, large: names of both.
        factor: how many small ones make a large one.
        guess: a factor that somebody in a hurry takes.
        step: the rest is a multiple of it.
        more: an addition is two to five times this.
    """

    small: str
    large: str
    factor: int
    guess: int
    step: int = 1
    more: int = 1


UNITS = {
    unit.small: unit
    for unit in (
        Unit("minutes", "hours", 60, 100, 5, 10),
        Unit("days", "weeks", 7, 5),
        Unit("months", "years", 12, 10),
        Unit("meters", "kilometers", 1000, 100, 50, 100),
        Unit("cents", "euros", 100, 10, 5, 10),
    )
}
RESTS = ("{n} {large} and {m} {small}", "{n} {large} {m} {small}", "{m} {small} and {n} {large}")
WHOLE = ("{n} {large}", "exactly {n} {large}")
MORE = (" and another {k} {small}", " plus {k} {small}", " and then {k} more {small}")


def measured(name: str, preposition: str = "") -> Slot:
    """A whole number of the unit `name`."""
    unit = UNITS[name]

    def plain(rng: Random, scene: Scene) -> Clause:
        value = draw_at_home(rng, scene.split, lambda rng: unit.step * rng.randint(11, 99))
        return Clause(value, f"{preposition}{value} {name}")

    def derived(rng: Random, scene: Scene) -> Clause:
        n, m, k = rng.randint(2, 9), _rest(rng, unit), 0
        words = rng.choice(RESTS if m else WHOLE)
        if scene.larger:
            m, k = m or unit.more, unit.more * rng.randint(2, 5)
            words = RESTS[rng.randrange(2)] + rng.choice(MORE)
        words = words.format(n=n, m=m, k=k, large=unit.large, small=unit.small)
        value = n * unit.factor + m + k
        guesses = numbers_near(value, n * unit.guess + m + k, value - m, value + unit.factor)
        steps, mistake = _steps(n, unit, unit.factor, m, k), _steps(n, unit, unit.guess, m, k)
        return Clause(
            value, preposition + words, derivation=Derivation(name, value, steps, mistake, guesses)
        )

    return Slot(name, {"type": "integer"}, plain, derived, "unit")


def _rest(rng: Random, unit: Unit) -> int:
    """Less than a large one, in steps."""
    steps = rng.randrange(unit.factor // unit.step)
    return unit.step * steps if unit.step * steps > 1 else 0


def _steps(n: int, unit: Unit, factor: int, m: int, k: int) -> str:
    """`3 x 60 = 180, 180 + 25 = 205, so 205`."""
    total = n * factor
    steps = [f"{n} x {factor} = {total}"]
    for more in (m, k):
        if more:
            steps.append(f"{total} + {more} = {total + more}")
            total += more
    return ", ".join([*steps, f"so {total}"])
