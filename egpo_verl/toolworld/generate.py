"""The generator's doors: samples, and samples with a gold response.

Row `i` depends on `(seed, split, levels, i)` alone, so a longer run begins with a shorter one, and
the same rows come out in every process and Python version (`random.Random` seeded by a string).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random

from egpo_verl.datasets.sample import Sample
from egpo_verl.toolworld.derived.levels import DERIVED_LEVELS
from egpo_verl.toolworld.derived.task import DerivedTask, draw_derived
from egpo_verl.toolworld.levels import DEFAULT_LEVELS, LEVELS
from egpo_verl.toolworld.noise import careless
from egpo_verl.toolworld.task import SPLITS, Task, draw_plain
from egpo_verl.toolworld.teachers import CAREFUL, taught
from egpo_verl.toolworld.thought import gold_response

SOURCE = "toolworld"
AnyTask = Task | DerivedTask


def generate(
    n: int, seed: int | str = 0, split: str = "train", levels: Sequence[int] = DEFAULT_LEVELS
) -> Iterator[Sample]:
    """`n` samples of a split.

    Args:
        n: how many.
        seed: a number or a word; another one gives other tasks, with values of the same
            split.
        split: `train`; `test` (values that train never has); `test_hard` (tools that train never
            has, too).
        levels: difficulties to draw from, evenly: keys of `LEVELS`, 1 (one call, plain values) to
            5 (three calls among five or six tools), and 6 to 8, where values must be derived. A
            level that is named twice is drawn twice as often.

    Returns:
        Samples, made one by one, with source `toolworld`; `extra` holds `split`, `kind` (single,
        multiple, parallel, no_call), `difficulty` (the level), `id`, and from level 6 on `skill`,
        what deriving the value takes.

    Raises:
        ValueError: an unknown split or level, or a negative `n`.
    """
    tasks = enumerate(_tasks(n, seed, split, levels))
    return (_sample(task, f"{split}-{seed}-{index}", split) for index, task in tasks)


def demonstrations(
    n: int,
    seed: int | str = 0,
    split: str = "train",
    levels: Sequence[int] = DEFAULT_LEVELS,
    noise: float = 0.0,
    teachers: Mapping[str, float] = CAREFUL,
) -> Iterator[tuple[Sample, str]]:
    """The samples of `generate`, each with a response, which scores 1 by default.

    With `noise` above 0 the teacher of the plain levels is careless (see `noise.careless`); those
    of the derived levels are drawn by the weights `teachers` (see `teachers`).
    """
    tasks = enumerate(_tasks(n, seed, split, levels))
    return (
        (
            _sample(task, f"{split}-{seed}-{index}", split),
            _response(task, Random(f"thought:{split}:{seed}:{index}"), noise, teachers),
        )
        for index, task in tasks
    )


def derivations(
    n: int, seed: int | str = 0, split: str = "train", levels: Sequence[int] = tuple(DERIVED_LEVELS)
) -> Iterator[str]:
    """The steps that a careful teacher takes in each of `n` tasks of derived levels, alone."""
    tasks = _tasks(n, seed, split, levels)
    parts = (task.derivations for task in tasks if isinstance(task, DerivedTask))
    return (" ".join(f"{part.steps}." for part in some) for some in parts)


def _tasks(n: int, seed: int | str, split: str, levels: Sequence[int]) -> Iterator[AnyTask]:
    if n < 0:
        raise ValueError(f"n is {n}; give 0 or more")
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}; choose one of {', '.join(SPLITS)}")
    unknown = [level for level in levels if level not in LEVELS]
    if unknown or not levels:
        raise ValueError(f"levels are {list(levels)}; choose from {list(LEVELS)}")
    start = f"task:{split}:{seed}:{','.join(map(str, levels))}"
    return (_draw(Random(f"{start}:{index}"), split, levels) for index in range(n))


def _draw(rng: Random, split: str, levels: Sequence[int]) -> AnyTask:
    if not any(level in DERIVED_LEVELS for level in levels):
        return draw_plain(rng, split, levels)
    level = rng.choice(levels)
    if level in DERIVED_LEVELS:
        return draw_derived(rng, split, level)
    return draw_plain(rng, split, (level,))


def _response(task: AnyTask, rng: Random, noise: float, teachers: Mapping[str, float]) -> str:
    if isinstance(task, DerivedTask):
        return taught(task, rng, teachers)
    return careless(gold_response(task, rng), noise, rng)


def _sample(task: AnyTask, identity: str, split: str) -> Sample:
    return Sample(
        source=SOURCE,
        messages=task.messages,
        tools=task.tools,
        calls=task.calls,
        extra={"split": split, **task.extra, "id": identity},
    )
