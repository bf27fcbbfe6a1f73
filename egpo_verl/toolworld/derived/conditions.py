"""Near-identical tools, one of which fits by a number: `Order at most 50 plates.`"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from egpo_verl.toolworld.derived.derivation import TOOL, Derivation, Slot


@dataclass(frozen=True)
class Family:
    """Tools that differ in the numbers that they take.

    Attributes:
        names: for few, for a middling number, for many.
        does: what all of them do, `Order {} plates.`
        asks: imperative words that ask for it.
        slots: their parameters, the number first.
        held_out: only `test_hard` may ask for them.
    """

    names: tuple[str, str, str]
    does: str
    asks: tuple[str, ...]
    slots: tuple[Slot, ...]
    held_out: bool = False


def ranges(rng: Random, family: Family, larger: bool) -> tuple[list[str], list[int]]:
    """Two names and one limit, or three names and two limits."""
    few, middle, many = family.names
    if larger:
        return [few, middle, many], sorted((rng.randint(20, 49), rng.randint(55, 89)))
    return [few, many], [rng.randint(20, 89)]


def descriptions(family: Family, limits: Sequence[int]) -> list[str]:
    """What each tool takes, in the order of `ranges`."""
    between = [f"{low + 1} to {high}" for low, high in itertools.pairwise(limits)]
    texts = [f"at most {limits[0]}", *between, f"more than {limits[-1]}"]
    return [family.does.format(text) for text in texts]


def choice(value: int, names: Sequence[str], limits: Sequence[int]) -> Derivation:
    """Which tool takes `value`."""
    place = sum(value > limit for limit in limits)
    guesses = tuple(name for name in names if name != names[place])
    steps, mistake = _steps(value, names, limits, False), _steps(value, names, limits, True)
    return Derivation(TOOL, names[place], steps, mistake, guesses)


def _steps(value: int, names: Sequence[str], limits: Sequence[int], mistaken: bool) -> str:
    """`62 is above 20, 62 is not above 80, so order_some`; a mistake is in the last comparison."""
    steps: list[str] = []
    place = 0
    for limit in limits:
        above = value > limit
        last = not above or limit == limits[-1]
        above = above != (mistaken and last)
        steps.append(f"{value} is {'' if above else 'not '}above {limit}")
        place += above
        if last:
            break
    return ", ".join([*steps, f"so {names[place]}"])
