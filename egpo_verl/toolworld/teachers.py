"""Three ways of thinking about a value that a question does not state.

The careful teacher derives it step by step. The checker derives it once more and goes by the second
result: its first one is wrong now and then. The jumper takes the value that comes to mind, which is
usually wrong. Each way has words of its own, so a thought tells which way it went (`ways`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from egpo_verl.calls import Call, render
from egpo_verl.calls.thought import THINK_CLOSE, THINK_OPEN
from egpo_verl.toolworld.derived.derivation import TOOL, Derivation
from egpo_verl.toolworld.derived.task import DerivedTask

TEACHERS = ("careful", "checker", "jumper")
CAREFUL: Mapping[str, float] = {"careful": 1.0}
DERIVES = ("Step by step:", "Work it out:")
"""What opens a derivation, and stands nowhere else."""
CHECKS = ("Check:", "Once more:")
"""What opens a second derivation of the same value, and stands nowhere else."""
TOPICS = ("I need {param}.", "Looking for {param}.", "So what goes into {param}?")
JUMPS = ("It is {value}.", "That must be {value}.", "I see it at once.", "That is clear.")
MISTAKE_SHARE = 0.4
"""Share of the checker's first derivations that go wrong."""
RIGHT = 0.3
"""Share of the jumper's values that are right."""


def ways(thought: str) -> dict[str, bool]:
    """How a thought, or a whole response, goes about its values: `derives` and `checks`."""
    return {
        "derives": any(mark in thought for mark in DERIVES),
        "checks": any(mark in thought for mark in CHECKS),
    }


def taught(task: DerivedTask, rng: Random, teachers: Mapping[str, float] = CAREFUL) -> str:
    """A response of a teacher that is drawn by the weights `teachers`, keys of `TEACHERS`."""
    teacher = rng.choices(tuple(teachers), tuple(teachers.values()))[0]
    if teacher == "jumper":
        return _jumping(task, rng)
    think = _derived if teacher == "careful" else _checked
    thought = " ".join(f"{_topic(part, rng)} {think(part, rng)}" for part in task.derivations)
    return _response(thought, task.call)


def _derived(part: Derivation, rng: Random) -> str:
    return f"{rng.choice(DERIVES)} {part.steps}."


def _checked(part: Derivation, rng: Random) -> str:
    mark, again = rng.choice(DERIVES), rng.choice(CHECKS)
    if rng.random() < MISTAKE_SHARE:
        return f"{mark} {part.mistake}. {again} {part.steps}, corrected."
    return f"{mark} {part.steps}. {again} {part.steps}, the same."


def _jumping(task: DerivedTask, rng: Random) -> str:
    values = {part.param: _guess(part, rng) for part in task.derivations}
    thought = " ".join(
        f"{_topic(part, rng)} {rng.choice(JUMPS).format(value=values[part.param])}"
        for part in task.derivations
    )
    name = values.pop(TOOL, task.call.name)
    return _response(thought, Call(str(name), {**task.call.arguments, **values}))


def _guess(part: Derivation, rng: Random) -> object:
    if rng.random() < RIGHT:
        return part.value
    guesses: Sequence[object] = part.guesses
    return rng.choice(guesses)


def _topic(part: Derivation, rng: Random) -> str:
    return rng.choice(TOPICS).format(param=part.param)


def _response(thought: str, call: Call) -> str:
    return f"{THINK_OPEN}{thought}{THINK_CLOSE}\n{render((call,))}"
