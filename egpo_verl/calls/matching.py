"""Whether calls are those expected: as a multiset, each for one, as a whole."""

from __future__ import annotations

from collections.abc import Sequence

from egpo_verl.calls.call import Call
from egpo_verl.calls.candidates import Candidates
from egpo_verl.calls.expected import ExpectedCall
from egpo_verl.calls.reference import Reference
from egpo_verl.calls.values import TEXT_FORMS


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
    if strings not in TEXT_FORMS:
        raise ValueError(f"unknown comparison of strings {strings!r}, use exact or bfcl")
    if len(calls) != len(reference.calls):
        return False
    candidates = reference.candidates(strings)
    # Most right answers come in the order of the reference, and in normal form.
    if candidates.serve_in_order(calls):
        return True
    normal = [candidates.normal(call) for call in calls]
    if len(calls) == 1:
        return normal[0] is not calls[0] and candidates.serve_in_order(normal)
    return _assignable([list(candidates.places(call)) for call in normal])


def serves(call: Call, expected: ExpectedCall, strings: str = "exact") -> bool:
    """Whether one call serves as one call expected."""
    candidates = Candidates([expected], TEXT_FORMS[strings])
    return candidates.serve_in_order([candidates.normal(call)])


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
