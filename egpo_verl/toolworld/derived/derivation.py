"""A value that must be derived: how, how it goes wrong, and where it stands in a question."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Any

TOOL = "tool"
"""In the place of a parameter: what is derived is which tool to call."""


@dataclass(frozen=True)
class Derivation:
    """How one value follows from what is given.

    Attributes:
        param: the parameter that takes the value, or `TOOL`.
        value: the right one, computed apart from the steps.
        steps: a clause that derives it and ends in it.
        mistake: the same steps with one mistake, which ends in another value.
        guesses: wrong values that look right at a glance.
    """

    param: str
    value: Any
    steps: str
    mistake: str
    guesses: tuple[Any, ...]


@dataclass(frozen=True)
class Clause:
    """What a question says about one parameter.

    Attributes:
        value: what the call must hold.
        words: how the request names it.
        context: what is told before or after the request, or nothing.
        history: turns that came before, `(question, answer)` each.
        derivation: how the value follows from the words; None where they state it.
    """

    value: Any
    words: str
    context: str = ""
    history: tuple[tuple[str, str], ...] = ()
    derivation: Derivation | None = None


@dataclass(frozen=True)
class Scene:
    """What holds for a whole task.

    Attributes:
        split: where open values come from.
        today: the date that the system message tells.
        larger: whether the derivation is a long one.
    """

    split: str
    today: date
    larger: bool = False


Draw = Callable[[Random, Scene], Clause | None]
"""A clause; None where the scene has none, so that another scene must be drawn."""


@dataclass(frozen=True)
class Slot:
    """One parameter of a tool.

    Attributes:
        plain: a clause that states the value.
        derived: a clause from which it must be derived; None where there is none.
        skill: what deriving it takes, one of `SKILLS`.
        floats: whether its words may open the question.
    """

    name: str
    schema: Mapping[str, Any]
    plain: Draw
    derived: Draw | None = None
    skill: str = ""
    floats: bool = False


def numbers_near(value: int, *others: int) -> tuple[int, ...]:
    """Wrong numbers: `others`, and the neighbours of `value`, all above 0 and different."""
    near = (*others, value + 1, value - 1, value + 10, value - 10)
    return tuple(dict.fromkeys(number for number in near if number > 0 and number != value))
