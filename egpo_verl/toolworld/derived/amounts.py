"""Counts told as a sum or a difference: `17 adults and 25 children`."""

from __future__ import annotations

from random import Random

from egpo_verl.toolworld.derived.arithmetic import addition, borrows, carries, subtraction
from egpo_verl.toolworld.derived.derivation import Clause, Derivation, Scene, Slot, numbers_near
from egpo_verl.toolworld.values import draw_at_home

SUMS = (
    "{a} {x} and {b} {y}",
    "{a} {x} plus {b} {y}",
    "{a} {things} and {b} more",
    "{a} {things} and another {b}",
)
DIFFERENCES = (
    "{a} {things} minus {b}",
    "{a} {things} less {b}",
    "{a} {things}, but {b} fewer",
    "all {a} {things} but {b}",
)


def count(name: str, things: str, parts: tuple[str, str], preposition: str = "") -> Slot:
    """A whole number of `things`, some of which are `parts[0]` and some `parts[1]`."""

    def plain(rng: Random, scene: Scene) -> Clause:
        value = draw_at_home(rng, scene.split, lambda rng: rng.randint(11, 99))
        return Clause(value, f"{preposition}{value} {things}")

    def derived(rng: Random, scene: Scene) -> Clause:
        clause = _sum if rng.random() < 0.5 else _difference
        return clause(rng, scene, name, things, parts, preposition)

    return Slot(name, {"type": "integer"}, plain, derived, "sum")


def total(name: str, one: int, two: int) -> Derivation:
    """The sum of two numbers as a derivation."""
    value = one + two
    wrong = addition(one, two, carries=False) if carries(one, two) else addition(one, two + 1)
    return Derivation(name, value, addition(one, two), wrong, numbers_near(value, one, two))


def _sum(
    rng: Random, scene: Scene, name: str, things: str, parts: tuple[str, str], preposition: str
) -> Clause:
    one, two = (rng.randint(101, 699), rng.randint(12, 299)) if scene.larger else _small(rng)
    x, y = parts
    words = rng.choice(SUMS).format(a=one, b=two, x=x, y=y, things=things)
    return Clause(one + two, preposition + words, derivation=total(name, one, two))


def _difference(
    rng: Random, scene: Scene, name: str, things: str, parts: tuple[str, str], preposition: str
) -> Clause:
    value, two = (rng.randint(101, 699), rng.randint(12, 299)) if scene.larger else _small(rng)
    one = value + two
    words = rng.choice(DIFFERENCES).format(a=one, b=two, things=things)
    steps = subtraction(one, two)
    mistake = (
        subtraction(one, two, borrows=False) if borrows(one, two) else subtraction(one + 1, two)
    )
    guesses = numbers_near(value, one, one + two)
    derivation = Derivation(name, value, steps, mistake, guesses)
    return Clause(value, preposition + words, derivation=derivation)


def _small(rng: Random) -> tuple[int, int]:
    """Two numbers of two digits whose sum has two."""
    one = rng.randint(11, 80)
    return one, rng.randint(11, 99 - min(one, 80))
