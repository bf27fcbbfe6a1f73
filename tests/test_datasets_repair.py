"""Values in the wrong type are put right where nothing is lost, and only there."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egpo_verl.datasets.checks.repair import repaired

INT, NUM, STR, BOOL = ({"type": t} for t in ("integer", "number", "string", "boolean"))
LIST, DICT = {"type": "array"}, {"type": "object"}
INTS = {"type": "array", "items": INT}
DEEP = {"type": "object", "properties": {"n": INT, "tags": {"type": "array", "items": STR}}}


@pytest.mark.parametrize(
    ("value", "schema", "new", "kinds"),
    [
        ("1", INT, 1, {"str -> integer": 1}),
        (" -12 ", INT, -12, {"str -> integer": 1}),
        ("1.0", INT, 1, {"str -> integer": 1}),
        (3.0, INT, 3, {"float -> integer": 1}),
        ("2.50", NUM, 2.5, {"str -> number": 1}),
        ("7", NUM, 7, {"str -> number": 1}),
        ("1e3", NUM, 1000.0, {"str -> number": 1}),
        ("True", BOOL, True, {"str -> boolean": 1}),
        ("false", BOOL, False, {"str -> boolean": 1}),
        (90210, STR, "90210", {"int -> string": 1}),
        (2.5, STR, "2.5", {"float -> string": 1}),
        ("[1, 2]", LIST, [1, 2], {"str -> array": 1}),
        ("['a', True]", LIST, ["a", True], {"str -> array": 1}),
        ('{"a": null}', DICT, {"a": None}, {"str -> object": 1}),
        ("{'a': [1]}", DICT, {"a": [1]}, {"str -> object": 1}),
        (["1", 2, "3"], INTS, [1, 2, 3], {"str -> integer": 2}),
        ('["1", 2]', INTS, [1, 2], {"str -> array": 1, "str -> integer": 1}),
        (
            {"n": "4", "tags": [1], "else": "5"},
            DEEP,
            {"n": 4, "tags": ["1"], "else": "5"},
            {"str -> integer": 1, "int -> string": 1},
        ),
        ("5", {"type": ["integer", "null"]}, 5, {"str -> integer": 1}),
        ("5", {"anyOf": [BOOL, NUM]}, 5, {"str -> number": 1}),
        ("5", {"enum": [5, 7]}, 5, {"str -> integer": 1}),
        (5, {"enum": ["5", "7"]}, "5", {"int -> string": 1}),
    ],
)
def test_lossless_repairs(
    value: Any, schema: dict[str, Any], new: Any, kinds: dict[str, int]
) -> None:
    counted = Counter[str]()
    result = repaired(value, schema, counted)
    assert (result, type(result)) == (new, type(new))
    assert counted == kinds


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        ("007", INT),
        ("one", INT),
        ("1.5", INT),
        ("1_000", INT),
        ("9" * 400, INT),
        (2.5, INT),
        (1e300, INT),
        (float("inf"), INT),
        (True, INT),
        ("", INT),
        ("٣", INT),
        ("nan", NUM),
        ("1e999", NUM),
        ("1,5", NUM),
        ("12%", NUM),
        ("yes", BOOL),
        ("TRUE", BOOL),
        (1, BOOL),
        (True, STR),
        (None, STR),
        (["a"], STR),
        ("a, b", LIST),
        ("[0.02] * 25", LIST),
        ('[{"name": "Alice"', LIST),
        ("[f()]", LIST),
        ("(1, 2)", DICT),
        ("{'a': __import__('os')}", DICT),
        (1, LIST),
        ("x", {"type": "null"}),
    ],
)
def test_what_would_lose_or_invent_something_is_left_alone(
    value: Any, schema: dict[str, Any]
) -> None:
    counted = Counter[str]()
    assert repaired(value, schema, counted) is value
    assert not counted


@pytest.mark.parametrize("schema", [{}, {"type": "string"}, {"anyOf": []}, {"enum": ["1"]}])
def test_what_fits_or_is_unchecked_is_left_alone(schema: dict[str, Any]) -> None:
    assert repaired("1", schema, Counter()) == "1"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES, st.sampled_from([INT, NUM, STR, BOOL, LIST, DICT, INTS, DEEP]))
def test_any_value_is_repaired_once_or_not_at_all(value: Any, schema: dict[str, Any]) -> None:
    once = repaired(value, schema, Counter())
    again = Counter[str]()
    assert repr(repaired(once, schema, again)) == repr(once)
    assert not again


@given(st.integers(-(10**17), 10**17))
def test_an_integer_survives_as_text(number: int) -> None:
    assert repaired(str(number), INT, Counter()) == number
    assert repaired(number, STR, Counter()) == str(number)


@given(st.lists(st.integers() | st.text() | st.booleans()))
def test_a_list_survives_as_json_text(items: list[Any]) -> None:
    assert repaired(json.dumps(items), LIST, Counter()) == items
