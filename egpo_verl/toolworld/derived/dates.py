"""Dates told from today: `the Tuesday after next`, `in nine days`."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from random import Random

from egpo_verl.toolworld.derived.derivation import Clause, Derivation, Scene, Slot

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
FIRST, LAST = date(2024, 1, 1), date(2027, 12, 31)
COMING = (
    "on the coming {}",
    "this coming {}",
    "on the first {} after today",
    "on {}, this coming one",
)
SECOND = ("on the {} after next", "on the second {} after today", "a week after the coming {}")
AHEAD = ("in {} days", "{} days from now", "{} days from today", "{} days after today")
NAMED = {
    1: ("tomorrow",),
    2: ("the day after tomorrow",),
    7: ("a week from today", "in a week"),
    8: ("a week from tomorrow",),
    14: ("in two weeks", "two weeks from today"),
}
PLAIN = ("on {}", "for {}", "dated {}")


def any_day(rng: Random) -> date:
    """A day of the years that tasks play in."""
    return FIRST + timedelta(days=rng.randrange((LAST - FIRST).days))


def told(today: date) -> str:
    """The system message that tells today's date."""
    return f"Today is {WEEKDAYS[today.weekday()]}, {today.isoformat()}."


def day(name: str = "date") -> Slot:
    """A parameter that takes a date in ISO form."""

    def plain(rng: Random, scene: Scene) -> Clause:
        value = any_day(rng).isoformat()
        return Clause(value, rng.choice(PLAIN).format(value))

    def derived(rng: Random, scene: Scene) -> Clause | None:
        ahead, words = _distance(rng, scene)
        value = scene.today + timedelta(days=ahead)
        weekday = next((name for name in WEEKDAYS if name in words), "")
        if (value.month != scene.today.month) != scene.larger:
            return None
        wrong = ahead + rng.choice((-1, 1) if ahead > 1 else (1,))
        guesses = (ahead - 1, ahead + 1, ahead + 2, ahead - 7, ahead + 7)
        derivation = Derivation(
            name,
            value.isoformat(),
            _steps(scene.today, ahead, weekday),
            _steps(scene.today, wrong, weekday),
            tuple((scene.today + timedelta(days=n)).isoformat() for n in guesses),
        )
        return Clause(value.isoformat(), words, derivation=derivation)

    schema = {"type": "string", "description": "YYYY-MM-DD"}
    return Slot(name, schema, plain, derived, "date", floats=True)


def _distance(rng: Random, scene: Scene) -> tuple[int, str]:
    """Days ahead, and their words."""
    if rng.random() < 0.5:
        ahead = rng.choice((1, 2, 7, 8, 14)) if rng.random() < 0.4 else rng.randint(3, 12)
        return ahead, rng.choice(NAMED.get(ahead, AHEAD)).format(ahead)
    ahead = rng.randint(1, 6) + rng.choice((0, 7))
    weekday = WEEKDAYS[(scene.today + timedelta(days=ahead)).weekday()]
    return ahead, rng.choice(COMING if ahead < 7 else SECOND).format(weekday)


def _steps(today: date, ahead: int, weekday: str) -> str:
    """`Wednesday to Monday is 5, 5 + 7 = 12, 25 + 12 = 37, 37 - 31 = 6, so 2026-04-06`."""
    steps: list[str] = []
    if weekday:
        steps.append(f"{WEEKDAYS[today.weekday()]} to {weekday} is {ahead % 7}")
        steps += [f"{ahead % 7} + 7 = {ahead}"] if ahead >= 7 else []
    total, length = today.day + ahead, monthrange(today.year, today.month)[1]
    steps.append(f"{today.day} + {ahead} = {total}")
    if total > length:
        steps.append(f"{total} - {length} = {total - length}")
    return ", ".join([*steps, f"so {(today + timedelta(days=ahead)).isoformat()}"])
