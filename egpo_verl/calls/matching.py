"""Whether calls are those expected: as a multiset, each for one, as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import Any

from egpo_verl.calls.call import Call
from egpo_verl.calls.fitting import with_inner_defaults
from egpo_verl.calls.reference import ExpectedCall, Reference
from egpo_verl.calls.type_names import Schema
from egpo_verl.calls.values import TEXT_COMPARISONS, SameText, equal, nfc


def match(calls: Sequence[Call], reference: Reference, strings: str = "exact") -> bool:
    """Whether `calls` are those of `reference`, in any order.

    Where references overlap (alternatives), an assignment is sought for all calls at once, so a
    right answer is not refused because an early call took the place that a later one needed.

    >>> reference = Reference.from_json('[{"name": "f", "arguments": {"x": 1.0}}]')
    >>> match([Call("f", {"x": 1})], reference), match([Call("f", {"x": True})], reference)
    (True, False)

    Args:
        calls: those of a response.
        reference: those expected; `Reference.for_tools` adds what the schemas say.
        strings: `exact`, or `bfcl` for the tolerant comparison of that benchmark.

    Raises:
        ValueError: `strings` is neither.
    """
    same_text = TEXT_COMPARISONS.get(strings)
    if same_text is None:
        raise ValueError(f"unknown comparison of strings {strings!r}, use exact or bfcl")
    expected = reference.calls
    if len(calls) != len(expected):
        return False
    # Most right answers come in the order of the reference.
    if all(map(serves, calls, expected, repeat(same_text))):
        return True
    return len(calls) > 1 and _assignable(
        [[i for i, one in enumerate(expected) if serves(call, one, same_text)] for call in calls]
    )


def serves(call: Call, expected: ExpectedCall, same_text: SameText) -> bool:
    """Whether one call serves as one call expected."""
    if call.name != expected.name and nfc(call.name) != expected.name:
        return False
    arguments = call.arguments
    if len(arguments) > len(expected.arguments):
        return False
    if not arguments.keys() <= expected.arguments.keys():
        arguments = {nfc(name): value for name, value in arguments.items()}
        if len(arguments) < len(call.arguments) or not (
            arguments.keys() <= expected.arguments.keys()
        ):
            return False
    for name, alternatives in expected.arguments.items():
        if name not in arguments:
            if name not in expected.optional:
                return False
            continue
        value = arguments[name]
        if isinstance(value, str) and value in alternatives:
            continue
        if not _serves_as(value, alternatives, expected.schemas.get(name), same_text):
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
