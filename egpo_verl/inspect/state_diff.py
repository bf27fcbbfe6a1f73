"""A world's state beside the reference's, value by value, with the differences named."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from egpo_verl.inspect.call_diff import DIFFERENT, EXTRA, MISSING, SAME, Argument

MOST_SAME = 100
"""Equal values that are listed; the rest is counted."""
_ABSENT = object()


@dataclass(frozen=True)
class StateDiff:
    """What to show of two states: values that differ, some of those that do not, and how many."""

    differing: list[Argument]
    same: list[Argument]
    same_count: int


def state_diff(state: Any, expected: Any) -> StateDiff:
    """Two JSON values compared.

    >>> shown = state_diff({"cart": {"lamp": 3}, "paid": 0}, {"cart": {"lamp": 2}, "paid": 0})
    >>> [(one.name, one.value, one.expected) for one in shown.differing], shown.same_count
    ([('cart.lamp', '3', ['2'])], 1)
    """
    values = list(_compared("", state, expected))
    same = [value for value in values if value.state == SAME]
    return StateDiff(
        [value for value in values if value.state != SAME], same[:MOST_SAME], len(same)
    )


def _compared(place: str, value: Any, expected: Any) -> Iterator[Argument]:
    members, others = _members(value), _members(expected)
    if members and others and isinstance(value, list) is isinstance(expected, list):
        for key in [*others, *(key for key in members if key not in others)]:
            inner = f"[{key}]" if isinstance(key, int) else f".{key}"
            yield from _compared(
                f"{place}{inner}", members.get(key, _ABSENT), others.get(key, _ABSENT)
            )
    else:
        yield _leaf(place.removeprefix(".") or "state", value, expected)


def _members(value: Any) -> Mapping[Any, Any]:
    """What stands in an object or in a list; nothing in any other value."""
    if isinstance(value, list):
        return dict(enumerate(value))
    return value if isinstance(value, Mapping) else {}


def _leaf(place: str, value: Any, expected: Any) -> Argument:
    if expected is _ABSENT:
        return Argument(place, _text(value), [], EXTRA)
    if value is _ABSENT:
        return Argument(place, None, [_text(expected)], MISSING)
    shown, right = _text(value), _text(expected)
    return Argument(place, shown, [right], SAME if shown == right else DIFFERENT)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
