"""How hard a task is.

Five plain levels state their values in the question, from one call to three among six tools; three
derived ones (`derived.levels`) ask for values that the question does not state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from egpo_verl.toolworld.derived.levels import DERIVED_LEVELS, DerivedLevel

KINDS = ("single", "multiple", "parallel", "no_call")


@dataclass(frozen=True)
class Level:
    """What a plain level may ask.

    Attributes:
        kinds: weight of each kind of task (`KINDS`).
        offered: fewest and most tools in the prompt (a `single` task offers one).
        calls: fewest and most calls of a `parallel` task.
        optional: probability that a question states an optional parameter.
        deep: whether lists and objects may be asked for.
        missing: share of the no-call tasks where a tool fits but a required value is missing;
            in the others no tool fits.
        siblings: whether the other tools come from the same domain as the tool that is asked for.
        mixed: whether parallel calls go to different tools.
    """

    kinds: Mapping[str, float]
    offered: tuple[int, int]
    calls: tuple[int, int] = (2, 2)
    optional: float = 0.0
    deep: bool = False
    missing: float = 0.0
    siblings: bool = False
    mixed: bool = False


PLAIN_LEVELS: dict[int, Level] = {
    1: Level({"single": 3, "multiple": 2}, offered=(2, 2)),
    2: Level(
        {"single": 3, "multiple": 3, "parallel": 2, "no_call": 2}, offered=(2, 3), optional=0.4
    ),
    3: Level(
        {"single": 2, "multiple": 4, "parallel": 2, "no_call": 2},
        offered=(2, 4),
        optional=0.5,
        deep=True,
        missing=0.5,
        siblings=True,
    ),
    4: Level(
        {"multiple": 4, "parallel": 4, "no_call": 2},
        offered=(3, 4),
        calls=(2, 3),
        optional=0.5,
        deep=True,
        missing=0.7,
        siblings=True,
        mixed=True,
    ),
    5: Level(
        {"multiple": 2, "parallel": 6, "no_call": 2},
        offered=(5, 6),
        calls=(3, 3),
        optional=0.6,
        deep=True,
        missing=0.8,
        siblings=True,
        mixed=True,
    ),
}
LEVELS: dict[int, Level | DerivedLevel] = {**PLAIN_LEVELS, **DERIVED_LEVELS}
DEFAULT_LEVELS = (1, 2)
"""The easier plain ones, which a tiny model learns."""
