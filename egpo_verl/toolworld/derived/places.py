"""Cities told by another mention: `the same city as before`, `where Ben lives`."""

from __future__ import annotations

import itertools
from random import Random

from egpo_verl.toolworld import values
from egpo_verl.toolworld.derived.dates import WEEKDAYS
from egpo_verl.toolworld.derived.derivation import Clause, Derivation, Scene, Slot
from egpo_verl.toolworld.values import draw_at_home

LIVES = ("{who} lives in {city}.", "{who} is in {city}.", "The home of {who} is {city}.")
SHARES = ("{who} lives in the same city as {other}.", "{who} is where {other} is.")
THERE = ("in the city of {who}", "in the city where {who} lives", "where {who} lives")
DAYS = ("On {who} I am in {city}.", "My city on {who} is {city}.")
DAYS_SHARE = (
    "On {who} I am in the same city as on {other}.",
    "On {who} I am where I am on {other}.",
)
THAT_DAY = ("in my city of {who}", "in the city where I am on {who}", "where I am on {who}")
WEATHER = ("How is the weather in {}?", "Is it warm in {}?", "Does it rain in {}?")
REPORTS = ("Sunny.", "Not today.", "Cloudy and cool.")
BEFORE = ("in the same city as before", "in that same city", "in the city that I asked about")
FIRST_CITY = ("in the city that I asked about first", "in the first city of the two")
LAST_CITY = ("in the city that I asked about last", "in the same city as just before")


def city(name: str = "city") -> Slot:
    """A parameter that takes a city."""

    def plain(rng: Random, scene: Scene) -> Clause:
        (value,) = _cities(rng, scene, 1)
        return Clause(value, f"in {value}")

    def derived(rng: Random, scene: Scene) -> Clause:
        if not scene.larger and rng.random() < 0.4:
            return _earlier(rng, scene, name)
        return _chain(rng, scene, name)

    return Slot(name, {"type": "string"}, plain, derived, "same", floats=True)


def _cities(rng: Random, scene: Scene, count: int) -> list[str]:
    cities: list[str] = []
    while len(cities) < count:
        name = draw_at_home(rng, scene.split, values.city)
        cities += [name] if name not in cities else []
    return cities


def _earlier(rng: Random, scene: Scene, param: str) -> Clause:
    """The city of an earlier question."""
    cities = _cities(rng, scene, rng.randint(1, 2))
    history = tuple((rng.choice(WEATHER).format(name), rng.choice(REPORTS)) for name in cities)
    if len(cities) == 1:
        (value,), words = cities, rng.choice(BEFORE)
        guesses = tuple(name for name in _cities(rng, scene, 3) if name != value)
        steps, mistake = (f"before it was {name}, so {name}" for name in (value, guesses[0]))
    else:
        first = rng.random() < 0.5
        value, other = cities if first else (cities[1], cities[0])
        words = rng.choice(FIRST_CITY if first else LAST_CITY)
        order = f"first {cities[0]}, then {cities[1]}"
        steps, mistake = f"{order}, so {value}", f"{order}, so {other}"
        guesses = (other,)
    derivation = Derivation(param, value, steps, mistake, guesses)
    return Clause(value, words, history=history, derivation=derivation)


def _chain(rng: Random, scene: Scene, param: str) -> Clause:
    """The city of somebody, or of a day, that is told by that of another."""
    days = rng.random() < 0.4
    size, hops = (3, 2) if scene.larger else (2, 1)
    names = rng.sample(WEEKDAYS if days else values.FIRST_NAMES, size + hops)
    tells, shares, there = (DAYS, DAYS_SHARE, THAT_DAY) if days else (LIVES, SHARES, THERE)
    cities = _cities(rng, scene, size)
    home = dict(zip(names, cities, strict=False))
    start = rng.choice(names[:size])
    links = [start, *names[size:]]
    sentences = [rng.choice(tells).format(who=who, city=home[who]) for who in names[:size]]
    sentences += [
        rng.choice(shares).format(who=who, other=other) for other, who in itertools.pairwise(links)
    ]
    rng.shuffle(sentences)
    value, other = home[start], rng.choice([name for name in names[:size] if name != start])
    derivation = Derivation(
        param,
        value,
        _hops(links, value),
        _hops([other, *links[1:]], home[other]),
        tuple(name for name in cities if name != value),
    )
    words = rng.choice(there).format(who=links[-1])
    return Clause(value, words, context=" ".join(sentences), derivation=derivation)


def _hops(links: list[str], value: str) -> str:
    """`Cleo as Ben, Ben in Oslo, so Oslo`."""
    hops = [f"{who} as {other}" for other, who in itertools.pairwise(links)]
    return ", ".join([*reversed(hops), f"{links[0]} in {value}", f"so {value}"])
