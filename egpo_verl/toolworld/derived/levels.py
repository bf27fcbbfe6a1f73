"""How hard a derived task is: one small derivation, one longer, or two."""

from __future__ import annotations

from dataclasses import dataclass

SKILLS = ("date", "sum", "unit", "same", "table", "condition")


@dataclass(frozen=True)
class DerivedLevel:
    """What a level may ask.

    Attributes:
        larger: whether derivations are long: beyond the end of a month, three digits, a second
            addition, two hops, four rows, three near-identical tools.
        values: how many values must be derived.
        offered: tools in the prompt, except where near-identical ones are offered.
    """

    larger: bool
    values: int
    offered: int


DERIVED_LEVELS: dict[int, DerivedLevel] = {
    6: DerivedLevel(larger=False, values=1, offered=2),
    7: DerivedLevel(larger=True, values=1, offered=2),
    8: DerivedLevel(larger=False, values=2, offered=3),
}
