"""Whether calls are the calls wanted: as a multiset, each for one, as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import Any

from egpo_verl.calls.call import Call
from egpo_verl.calls.fitting import with_inner_defaults
from egpo_verl.calls.reference import Reference, Wanted
from egpo_verl.calls.type_names import Schema
from egpo_verl.calls.values import TEXT_COMPARISONS, SameText, equal, nfc


def match(calls: Sequence[Call], reference: Reference, strings: str = "exact") -> bool:
    """Whether `calls` are those that `reference` wants, in any order.

    Where references overlap (alternatives), an assignment is sought for all calls at once, so a
    right answer is not refused because an early call took the place that a later one needed.

    >>> wanted = Reference.from_json('[{"name": "f", "arguments": {"x": 1.0}}]')
    >>> match([Call("f", {"x": 1})], wanted), match([Call("f", {"x": True})], wanted)
    (True, False)

    Args:
        calls: the calls given.
        reference: the calls wanted; `Reference.for_tools` adds what the schemas say.
        strings: `exact`, or `bfcl` for the tolerant comparison of that benchmark.

    Raises:
        ValueError: `strings` is neither.
    """
    same_text = TEXT_COMPARISONS.get(strings)
    if same_text is None:
        raise ValueError(f"unknown comparison of strings {strings!r}, use exact or bfcl")
    wanted = reference.calls
    if len(calls) != len(wanted):
        return False
    # Most right answers come in the order of the reference.
    if all(map(serves, calls, wanted, repeat(same_text))):
        return True
    return len(calls) > 1 and _assignable(
        [[i for i, want in enumerate(wanted) if serves(call, want, same_text)] for call in calls]
    )


def serves(call: Call, wanted: Wanted, same_text: SameText) -> bool:
    """Whether one call serves as one call wanted."""
    if call.name != wanted.name and nfc(call.name) != wanted.name:
        return False
    given = call.arguments
    if len(given) > len(wanted.arguments):
        return False
    if not given.keys() <= wanted.arguments.keys():
        given = {nfc(name): value for name, value in given.items()}
        if len(given) < len(call.arguments) or not given.keys() <= wanted.arguments.keys():
            return False
    for name, alternatives in wanted.arguments.items():
        if name not in given:
            if name not in wanted.omissible:
                return False
            continue
        value = given[name]
        if isinstance(value, str) and value in alternatives:
            continue
        if not _serves_as(value, alternatives, wanted.schemas.get(name), same_text):
            return False
    return True


def _serves_as(
    value: Any, alternatives: Sequence[Any], schema: Schema | None, same_text: SameText
) -> bool:
    if schema is not None:
        value = with_inner_defaults(value, schema)
    for alternative in alternatives:  # noqa: SIM110 (a generator would take as long as the rest)
        if equal(value, alternative, same_text):
            return True
    return False


def _assignable(candidates: Sequence[Sequence[int]]) -> bool:
    """Whether each row can have a candidate of its own (Kuhn's augmenting paths)."""
    owner: dict[int, int] = {}

    def place(row: int, tried: set[int]) -> bool:
        for candidate in candidates[row]:
            if candidate not in owner:
                owner[candidate] = row
                return True
        for candidate in candidates[row]:
            if candidate not in tried:
                tried.add(candidate)
                if place(owner[candidate], tried):
                    owner[candidate] = row
                    return True
        return False

    return all(place(row, set()) for row in range(len(candidates)))
