"""Tasks of a split.

Row `i` depends on `(seed, split, kind, i)` alone, so a longer run begins with a shorter one, and
the same rows come out in every process and Python version (`random.Random` seeded by a string).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from egpo_verl.toolworld.live.services import SERVICES
from egpo_verl.toolworld.live.spec import Service
from egpo_verl.toolworld.live.story import Dead, Story
from egpo_verl.toolworld.live.task import KINDS, MAX_TURNS, Task, least_turns
from egpo_verl.toolworld.task import SPLITS
from egpo_verl.toolworld.values import home, side

TURNS = (0.35, 0.3, 0.2, 0.15)
"""Share of the base tasks with one, two, three and four user turns."""
PAIR = 0.3
"""Probability that a turn of a base task that opens something asks for more of it."""
BEFORE = 0.3
"""Share of the other tasks in which a turn precedes the two of what is missing."""
MOST_CALLS = 6
"""From so many calls on a base task has no further turn: prompts stay short."""
LOG_LINES = 8
NUMBERS = range(50, 90)
"""Of the first record that a world opens."""


def generate(
    n: int,
    seed: int | str = 0,
    split: str = "train",
    kinds: Sequence[str] = KINDS,
    max_turns: int = MAX_TURNS,
) -> Iterator[Task]:
    """`n` tasks of a split, whose kinds take turns.

    Args:
        n: how many.
        seed: a number or a word; another one gives other tasks, with values of the same split.
        split: `train`; `test` (values that train never has); `test_hard` (services that train never
            has, too).
        kinds: of `KINDS`.
        max_turns: most user turns of a task, 1 to 4; from 2 on where something is missing.

    Raises:
        ValueError: an unknown split or kind, a negative `n`, or `max_turns` out of range.
    """
    if n < 0:
        raise ValueError(f"n is {n}; give 0 or more")
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}; choose one of {', '.join(SPLITS)}")
    if not kinds or not set(kinds) <= set(KINDS):
        raise ValueError(f"kinds are {list(kinds)}; choose from {', '.join(KINDS)}")
    if not least_turns(kinds) <= max_turns <= MAX_TURNS:
        raise ValueError(
            f"max_turns is {max_turns}; {', '.join(kinds)} take {least_turns(kinds)} to {MAX_TURNS}"
        )
    return (
        draw_task(seed, split, kinds[index % len(kinds)], index, max_turns) for index in range(n)
    )


def draw_task(seed: int | str, split: str, kind: str, index: int, max_turns: int) -> Task:
    """The task of that place; what its users say belongs to the split, as its values do."""
    rng = Random(f"live:{split}:{seed}:{kind}:{index}")
    services = [one for one in SERVICES if one.held_out == (split == "test_hard")]
    while True:
        try:
            task = _draw(rng, split, kind, rng.choice(services), max_turns)
        except Dead:
            continue
        if home([turn.text for turn in task.turns]) == side(split):
            return task


def _draw(rng: Random, split: str, kind: str, service: Service, max_turns: int) -> Task:
    row = {"number": rng.choice(NUMBERS), **service.draw(rng, split)}
    if kind == "long_context":
        row["log"] = _log(rng)
    story = Story(rng, split, service, row)
    if kind in ("base", "long_context"):
        for _ in range(rng.choices(range(1, max_turns + 1), TURNS[:max_turns])[0]):
            if story.calls < MOST_CALLS:
                story.turn(PAIR)
        return story.task(kind)
    if max_turns > 2 and rng.random() < BEFORE:
        story.turn(0.0)
    if kind == "missing_value":
        story.turns_with_missing_value()
    else:
        story.turns_with_missing_tool()
    return story.task(kind)


def _log(rng: Random) -> list[str]:
    """What stands in every looked-up result and concerns nobody."""
    events = ("in", "out", "moved", "late")
    letters = "BCDGHKLMNPQRSTVX"
    return [
        f"{rng.choice(letters)}{rng.randrange(10, 100)} {rng.choice(events)}"
        for _ in range(LOG_LINES)
    ]
