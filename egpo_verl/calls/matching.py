"""Whether calls are those expected: as a multiset, each for one, as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from egpo_verl.calls.call import Call
from egpo_verl.calls.reference import ExpectedCall, Reference
from egpo_verl.calls.shapes import Shape
from egpo_verl.calls.values import TEXT_FORMS, TextForm, equal, in_form, nfc


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
    text_form = TEXT_FORMS.get(strings)
    if text_form is None:
        raise ValueError(f"unknown comparison of strings {strings!r}, use exact or bfcl")
    expected = reference.calls if strings == "exact" else reference.calls_as_bfcl
    if len(calls) != len(expected):
        return False
    shapes = {one.name: one.shapes for one in expected}
    normal = [_normal(call, shapes.get(nfc(call.name), {}), text_form) for call in calls]
    # Most right answers come in the order of the reference.
    if all(map(_serves, normal, expected)):
        return True
    return len(calls) > 1 and _assignable(
        [[i for i, one in enumerate(expected) if _serves(call, one)] for call in normal]
    )


def serves(call: Call, expected: ExpectedCall, strings: str = "exact") -> bool:
    """Whether one call serves as one call expected."""
    normal = _normal(call, expected.shapes, TEXT_FORMS[strings])
    return _serves(normal, expected.with_texts(strings))


def _normal(call: Call, shapes: Mapping[str, Shape], text_form: TextForm) -> Call | None:
    """A call in the form that is compared, None where it spells one argument twice."""
    arguments = {}
    for name, value in call.arguments.items():
        name = nfc(name)
        shape = shapes.get(name)
        arguments[name] = in_form(value if shape is None else shape.normal(value), text_form)
    return Call(nfc(call.name), arguments) if len(arguments) == len(call.arguments) else None


def _serves(call: Call | None, expected: ExpectedCall) -> bool:
    if call is None or call.name != expected.name:
        return False
    if not call.arguments.keys() <= expected.arguments.keys():
        return False
    for name, alternatives in expected.arguments.items():
        if name not in call.arguments:
            if name not in expected.optional:
                return False
            continue
        value = call.arguments[name]
        if not any(equal(value, alternative) for alternative in alternatives):
            return False
    return True


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
