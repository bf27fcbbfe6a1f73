"""Rows that say the same, or nearly the same, as an earlier one."""

from __future__ import annotations

import random
from typing import Any

import pytest

from egpo_verl.calls import Call
from egpo_verl.datasets.checks.duplicates import Digests, Duplicates, digest, signature
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.unusable import Unusable
from egpo_verl.errors import UserError

TIDE = {"name": "tide", "description": "Times of high water at one harbour."}
CALL = Call("tide", {"harbour": "Hoorn"})


def asked(text: str, tools: tuple[dict[str, Any], ...] = (TIDE,), *calls: Call) -> Sample:
    return Sample("x", ({"role": "user", "content": text},), tools, calls or (CALL,))


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (asked("When is high water in Hoorn?"), True),
        (asked("when is HIGH water, in Hoorn"), True),
        (asked("When is high water in Ｈoorn?"), True),
        (asked("When is low water in Hoorn?"), False),
        (asked("When is high water in Hoorn?", (TIDE, {"name": "ebb"})), False),
        (asked("When is high water in Hoorn?", (TIDE,), CALL, CALL), False),
        (asked("When is high water in Hoorn?", (TIDE,), Call("tide", {"harbour": "hoorn"})), False),
    ],
)
def test_a_duplicate_has_the_same_words_functions_and_calls(other: Sample, same: bool) -> None:
    assert (digest(asked("When is high water in Hoorn?")) == digest(other)) is same


def test_only_the_first_of_equal_rows_is_let_in() -> None:
    seen = Duplicates()
    seen.admit(1)
    seen.admit(2)
    with pytest.raises(Unusable, match="says the same"):
        seen.admit(1)


def test_the_set_of_digests_is_a_set() -> None:
    chooser = random.Random(0)
    # Neighbours and multiples of large powers of two crowd into the same slots.
    digests = [chooser.choice((chooser.getrandbits(64), n, n << 40)) for n in range(1, 5000)]
    seen: set[int] = set()
    compact = Digests()
    for number in digests + digests[::-1]:
        assert compact.add(number) is (number not in seen)
        seen.add(number)


def test_near_duplicates_share_most_of_their_wording() -> None:
    pytest.importorskip("datasketch")
    text = "Please tell me when the water is highest in the old harbour of Hoorn on {} this year"
    seen = Duplicates(threshold=0.6)
    seen.admit(1, signature(asked(text.format("Monday"))))
    seen.admit(2, signature(asked("Which loaves does the village baker sell on a Friday?")))
    with pytest.raises(Unusable, match="nearly the same"):
        seen.admit(3, signature(asked(text.format("Tuesday"))))
    seen.admit(4, signature(asked("Hi")))


def test_near_duplicates_without_the_library_are_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr("egpo_verl.datasets.checks.duplicates.import_module", missing)
    with pytest.raises(UserError, match=r"pip install 'egpo-verl\[data\]'"):
        Duplicates(threshold=0.8)
