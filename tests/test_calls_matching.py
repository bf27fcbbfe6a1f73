"""When calls are those expected: values, arguments, multisets, alternatives, defaults."""

# ruff: noqa: E501 (tables read best with a case a line)

from __future__ import annotations

import json
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egpo_verl.calls import Call, Reference, ToolSet, match


def exactly(*calls: Call) -> Reference:
    return Reference.from_calls(calls)


def same(value: Any, expected: Any, strings: str = "exact") -> bool:
    return match([Call("f", {"a": value})], exactly(Call("f", {"a": expected})), strings)


EQUAL = [
    (1, 1), (5, 5.0), (5.0, 5.0), (-0.0, 0.0), (0, 0.0), (10**30, 10**30), (2**60, float(2**60)),
    ("x", "x"), ("", ""), ("Cafe\u0301", "Café"), ("Café", "Cafe\u0301"),
    (True, True), (False, False), (None, None),
    ([], []), ([1, "x"], [1, "x"]), ((1, 2), [1, 2]), ([1, 2], (1, 2)), ([5], [5.0]),
    ({}, {}), ({"a": 1, "b": 2}, {"b": 2, "a": 1}), ({"a": {"b": [5]}}, {"a": {"b": [5.0]}}),
    ({"e\u0301": 1}, {"é": 1}), (["Cafe\u0301"], ["Café"]),
]  # fmt: skip
DIFFERENT = [
    (2, 1), (5.0, 5), (5.5, 5), (True, 1), (1, True), (False, 0), (0, False), (True, 1.0), (1.0, True),
    ("1", 1), (1, "1"), ("True", True), (True, "True"), ("", None), (None, ""), (None, 0), (0, None),
    (None, False), (False, None), ("x", "X"), ("x ", "x"), ("1.5", "15"), ("ﬁ", "fi"),
    ([1, 2], [2, 1]), ([1], [1, 1]), ([1, 1], [1]), ([], [None]), ([True], [1]), ([5.0], [5]),
    (1, [1]), ([1], 1), ("ab", ["a", "b"]), (["a", "b"], "ab"), ({}, []), ([], {}), ([], ""),
    ({"a": 1}, {}), ({}, {"a": 1}), ({"a": 1}, {"b": 1}), ({"a": 1}, {"a": True}), ({"a": 1}, {"a": 1, "b": 2}),
    ({"a": 1, "b": 2}, {"a": 1}), ({"a": {"b": [5.0]}}, {"a": {"b": [5]}}), ({"a": 1}, [["a", 1]]),
    (float("nan"), float("nan")), (float("inf"), 1e308), (2**60 + 1, float(2**60)),
]  # fmt: skip


@pytest.mark.parametrize(("value", "expected"), EQUAL)
def test_equal_values(value: Any, expected: Any) -> None:
    assert same(value, expected)
    assert same([{"k": [value]}], [{"k": [expected]}])


@pytest.mark.parametrize(("value", "expected"), DIFFERENT)
def test_different_values(value: Any, expected: Any) -> None:
    assert not same(value, expected)
    assert not same([{"k": [value]}], [{"k": [expected]}])


def test_strings_as_bfcl_compares_them() -> None:
    pairs = [("New-York, NY", "new york ny"), ("it's", 'IT"S'), ("1.5", "15"), ("a*b^c/d", "abcd")]
    for value, expected in pairs:
        assert not same(value, expected)
        assert same(value, expected, "bfcl")
        assert same([{"k": value}], [{"k": expected}], "bfcl")
    for value, expected in [("a:b", "ab"), ("5", 5), ("a\tb", "ab"), ("ß", "ss")]:
        assert not same(value, expected, "bfcl")


def test_a_long_run_of_combining_marks_is_compared_as_it_is() -> None:
    short, long = "\u0323\u0301" * 15, "\u0323\u0301" * 16
    swapped = "\u0301\u0323"
    assert same("e" + swapped * 15, "e" + short)
    assert not same("e" + swapped * 16, "e" + long)
    assert same("e" + long, "e" + long)


def test_arguments_are_all_of_those_wanted_and_no_other() -> None:
    expected = exactly(Call("f", {"a": 1, "b": 2}))
    assert match([Call("f", {"b": 2, "a": 1})], expected)
    for arguments in ({"a": 1}, {"a": 1, "b": 2, "c": 3}, {"a": 1, "c": 2}, {}):
        assert not match([Call("f", arguments)], expected)
    assert not match([Call("g", {"a": 1, "b": 2})], expected)


def test_names_are_compared_composed() -> None:
    expected = exactly(Call("cafe\u0301", {"e\u0301": 1}))
    assert match([Call("café", {"é": 1})], expected)
    assert match([Call("cafe\u0301", {"e\u0301": 1})], expected)
    assert not match([Call("cafe", {"é": 1})], expected)


def test_a_stranger_does_not_stand_in_for_what_may_be_left_out() -> None:
    expected = Reference.from_json(
        '{"calls": [{"name": "f", "arguments": {"a": [1], "b": [2]}, "omissible": ["b"]}]}'
    )
    assert match([Call("f", {"a": 1})], expected)
    assert not match([Call("f", {"a": 1, "x": 2})], expected)


def test_two_spellings_of_one_name_are_that_name_twice() -> None:
    expected = exactly(Call("f", {"é": 1}))
    assert match([Call("f", {"e\u0301": 1})], expected)
    for pair in ((1, 1), (1, 2), (2, 1)):
        for names in (("é", "e\u0301"), ("e\u0301", "é")):
            assert not match([Call("f", dict(zip(names, pair, strict=True)))], expected)
    inside = exactly(Call("f", {"a": {"é": 1}}))
    assert not match([Call("f", {"a": {"e\u0301": 1, "é": 1}})], inside)


def test_calls_are_a_multiset() -> None:
    a, b = Call("f", {"x": 1}), Call("f", {"x": 2})
    assert match([], exactly())
    assert match([b, a], exactly(a, b))
    assert match([a, a, b], exactly(a, b, a))
    assert not match([a, b, b], exactly(a, b, a))
    assert not match([a], exactly(a, a))
    assert not match([a, a], exactly(a))
    assert not match([], exactly(a))
    assert not match([a], exactly())


def alternatives(*calls: tuple[dict[str, list[Any]], list[str]]) -> Reference:
    return Reference.from_json(
        json.dumps(
            {
                "calls": [
                    {"name": "f", "arguments": arguments, "omissible": omissible}
                    for arguments, omissible in calls
                ],
                "alternatives": True,
            }
        )
    )


def test_alternatives_and_omissible_arguments() -> None:
    expected = alternatives(({"a": [1, "one"], "b": [2], "c": []}, ["b", "c"]))
    for arguments in ({"a": 1}, {"a": "one"}, {"a": 1, "b": 2}):
        assert match([Call("f", arguments)], expected)
    for arguments in ({}, {"b": 2}, {"a": 2}, {"a": 1, "b": 3}, {"a": 1, "c": None}, {"a": [1]}):
        assert not match([Call("f", arguments)], expected)


def test_overlapping_alternatives_are_assigned_as_a_whole() -> None:
    expected = alternatives(({"a": [1, 2]}, []), ({"a": [1]}, []))
    assert match([Call("f", {"a": 1}), Call("f", {"a": 2})], expected)
    assert match([Call("f", {"a": 2}), Call("f", {"a": 1})], expected)
    assert match([Call("f", {"a": 1}), Call("f", {"a": 1})], expected)
    assert not match([Call("f", {"a": 2}), Call("f", {"a": 2})], expected)


SMALL = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=3), min_size=1, max_size=5)


@given(SMALL, st.data())
@settings(max_examples=1500)
def test_the_assignment_is_that_of_trying_every_order(
    expected: list[list[int]], data: st.DataObject
) -> None:
    count = len(expected)
    values = data.draw(st.lists(st.integers(0, 3), min_size=count, max_size=count))
    matches = match(
        [Call("f", {"a": value}) for value in values],
        alternatives(*[({"a": list(serving)}, []) for serving in expected]),
    )
    by_force = any(
        all(value in serving for value, serving in zip(order, expected, strict=True))
        for order in permutations(values)
    )
    assert matches == by_force


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(
    st.lists(st.builds(Call, st.sampled_from("fg"), st.dictionaries(st.sampled_from("ab"), PLAIN))),
    st.randoms(),
)
@settings(max_examples=300)  # fmt: skip
def test_every_order_of_the_same_calls_matches_and_none_without_one(
    calls: list[Call], random: Any
) -> None:
    shuffled = [
        Call(c.name, dict(random.sample(list(c.arguments.items()), len(c.arguments))))
        for c in calls
    ]
    random.shuffle(shuffled)
    assert match(shuffled, exactly(*calls))
    if calls:
        assert not match(shuffled[1:], exactly(*calls))
        assert not match([*shuffled[1:], Call("h")], exactly(*calls))


def tools(parameters: dict[str, Any], required: tuple[str, ...] = ()) -> ToolSet:
    schema = {"type": "object", "properties": parameters, "required": list(required)}
    schema["$defs"] = {"x": {"type": "int"}}
    return ToolSet.from_json(json.dumps([{"name": "f", "parameters": schema}]))


def test_a_whole_number_in_the_reference_is_a_float_where_one_is_declared() -> None:
    declared = tools(
        {
            "x": {"type": "float"},
            "i": {"type": "integer"},
            "l": {"type": "array", "items": {"type": "number"}},
            "t": {"type": "Tuple[int, float]"},
            "d": {"type": "object", "properties": {"y": {"type": "float"}}},
            "m": {"type": "Dict[str, float]"},
            "u": {"type": ["integer", "number"]},
            "z": {},
        }
    )
    expected = {"x": 5, "i": 5, "l": [5], "t": [5, 5], "d": {"y": 5}, "m": {"k": 5}, "u": 5, "z": 5}
    reference = exactly(Call("f", expected)).for_tools(declared)
    floats = {
        "x": 5.0,
        "i": 5,
        "l": [5.0],
        "t": [5, 5.0],
        "d": {"y": 5.0},
        "m": {"k": 5.0},
        "u": 5.0,
        "z": 5,
    }
    assert match([Call("f", expected)], reference)
    assert match([Call("f", floats)], reference)
    for name, value in {"i": 5.0, "t": [5.0, 5.0], "z": 5.0, "x": True}.items():
        assert not match([Call("f", {**floats, name: value})], reference)


FLOATS_INSIDE = [
    ({"oneOf": [{"type": "string"}, {"type": "number"}]}, 5, 5.0),
    ({"anyOf": [{"type": "string"}, {"type": "number"}]}, 5, 5.0),
    ({"type": "array", "items": [{"type": "int"}], "additionalItems": {"type": "float"}}, [5, 5, 5], [5, 5, 5.0]),
    ({"type": "array", "prefixItems": [{"type": "int"}], "items": {"type": "float"}}, [5, 5, 5], [5, 5.0, 5.0]),
    ({"type": "array", "prefixItems": [{"type": "float"}]}, [5, 5], [5.0, 5]),
    ({"type": "float"}, 2**53, float(2**53)),
    ({"type": "float"}, -(2**53), -float(2**53)),
    ({"type": "float"}, 10**6, 1e6),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "expected", "value"), FLOATS_INSIDE)
def test_floats_declared_inside_other_types(spec: Any, expected: Any, value: Any) -> None:
    declared = tools({"a": spec})
    reference = exactly(Call("f", {"a": expected})).for_tools(declared)
    assert declared.check([Call("f", {"a": value})]) is None
    assert match([Call("f", {"a": value})], reference)
    assert not match([Call("f", {"a": value})], exactly(Call("f", {"a": expected})))


BIG = 2**53 + 1
"""No float holds it, and it may be an identifier: as a whole number it must be exact."""


@pytest.mark.parametrize(
    ("expected", "right", "wrong"),
    [
        (BIG, [BIG, 9007199254740993.0], [BIG - 1, BIG + 1, 9007199254740994.0]),
        (10**20, [10**20, 1e20], [10**20 + 1, 1.1e20]),
        (10**23, [10**23, 1e23], [10**23 + 1]),
        (1e23, [10**23, 1e23], [10**23 + 1]),
        (-(10**400), [-(10**400)], [10**400, -1e308, 0]),
    ],
)
def test_whole_numbers_beyond_those_that_every_float_holds(
    expected: float, right: list[Any], wrong: list[Any]
) -> None:
    reference = exactly(Call("f", {"x": [expected]})).for_tools(
        tools({"x": {"type": "List[float]"}})
    )
    for values, serves in ((right, True), (wrong, False)):
        assert [match([Call("f", {"x": [value]})], reference) for value in values] == [
            serves
        ] * len(values)


def test_a_stated_default_may_be_written_or_left_out() -> None:
    declared = tools({"a": {"type": "int"}, "n": {"type": "int", "default": 10}}, ("a",))
    written, left_out, other = {"a": 1, "n": 10}, {"a": 1}, {"a": 1, "n": 9}
    for expected in (written, left_out):
        reference = exactly(Call("f", expected)).for_tools(declared)
        assert match([Call("f", written)], reference)
        assert match([Call("f", left_out)], reference)
        assert not match([Call("f", other)], reference)
    reference = exactly(Call("f", other)).for_tools(declared)
    assert match([Call("f", other)], reference)
    assert not match([Call("f", written)], reference)
    assert not match([Call("f", left_out)], reference)


def test_a_default_beside_alternatives() -> None:
    declared = tools({"n": {"type": "int", "default": 10}})
    omissible = alternatives(({"n": [1, 2]}, ["n"])).for_tools(declared)
    needed = alternatives(({"n": [1, 2]}, [])).for_tools(declared)
    for arguments, when_omissible, when_needed in [
        ({}, True, False),
        ({"n": 10}, True, False),
        ({"n": 2}, True, True),
        ({"n": 3}, False, False),
    ]:
        assert match([Call("f", arguments)], omissible) == when_omissible
        assert match([Call("f", arguments)], needed) == when_needed


def test_defaults_inside_objects() -> None:
    declared = tools(
        {
            "d": {
                "type": "object",
                "properties": {"k": {"type": "int", "default": 7}, "v": {"type": "str"}},
            },
            "l": {
                "type": "array",
                "items": {"type": "object", "properties": {"k": {"type": "int", "default": 7}}},
            },
        }
    )
    short = {"d": {"v": "x"}, "l": [{}, {"k": 1}]}
    long = {"d": {"v": "x", "k": 7}, "l": [{"k": 7}, {"k": 1}]}
    others = [
        {"d": {"v": "x", "k": 8}, "l": [{"k": 7}, {"k": 1}]},
        {"d": {"v": "x", "k": 7}, "l": [{"k": 7}, {"k": 2}]},
        {"d": {"v": "x", "k": 7}, "l": [{"k": 7}]},
    ]
    for expected in (short, long):
        reference = exactly(Call("f", expected)).for_tools(declared)
        assert match([Call("f", short)], reference)
        assert match([Call("f", long)], reference)
        assert not any(match([Call("f", other)], reference) for other in others)


K = {"type": "object", "properties": {"k": {"type": "int", "default": 7}}}
DEFAULTS_INSIDE = [
    (K, {}, {"k": 7}),
    ({"type": "object", "properties": {"o": K}}, {"o": {}}, {"o": {"k": 7}}),
    ({"type": "array", "items": {"type": "array", "items": K}}, [[{}]], [[{"k": 7}]]),
    ({"type": "array", "items": [{"type": "int"}, K]}, [1, {}], [1, {"k": 7}]),
    ({"type": "array", "items": [K], "additionalItems": False}, [{}], [{"k": 7}]),
    ({"type": "array", "prefixItems": [{}], "items": K}, [{}, {}], [{}, {"k": 7}]),
    ({"type": "object", "additionalProperties": K}, {"x": {}}, {"x": {"k": 7}}),
    ({"type": "object", "properties": {"e": {"enum": ["x", "y"], "default": "x"}}}, {}, {"e": "x"}),
    ({"type": "object", "properties": {"f": {"type": "float", "default": 1}}}, {}, {"f": 1.0}),
    ({"type": "object", "properties": {"n": {"type": ["int", "null"], "default": None}}}, {}, {"n": None}),
    ({"type": "object", "properties": {"l": {"type": "list", "default": []}}}, {}, {"l": []}),
    ({"type": "object", "properties": {"s": {"type": "str", "default": "", "minLength": 0}}}, {}, {"s": ""}),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "short", "long"), DEFAULTS_INSIDE)
def test_defaults_wherever_an_object_states_them(spec: Any, short: Any, long: Any) -> None:
    for schema_of_a in (spec, {"type": "array", "items": spec}):
        wrap = schema_of_a is not spec
        left_out, written = ([short], [long]) if wrap else (short, long)
        for expected in (left_out, written):
            reference = exactly(Call("f", {"a": expected})).for_tools(tools({"a": schema_of_a}))
            assert match([Call("f", {"a": left_out})], reference)
            assert match([Call("f", {"a": written})], reference)
    assert not match([Call("f", {"a": short})], exactly(Call("f", {"a": long})))


def test_a_reference_from_json_takes_the_types_of_its_tools() -> None:
    declared = tools({"x": {"type": "float"}, "n": {"type": "int", "default": 1}})
    reference = Reference.from_json('[{"name": "f", "arguments": {"x": 5}}]', declared)
    assert match([Call("f", {"x": 5.0, "n": 1})], reference)


@pytest.mark.parametrize(
    "spec",
    [{"type": "int", "default": ""}, {"type": "int", "default": None}, {"type": "str", "default": 5},
     {"type": "int", "default": True}, {"type": "int", "default": 1.5}, {"type": "bool", "default": 0},
     {"$ref": "#/$defs/x", "default": "1"}, {"enum": ["x"], "default": "y"}, {"type": "int", "minimum": 3, "default": 1}],
)  # fmt: skip
def test_a_default_that_breaks_its_own_type_states_nothing(spec: dict[str, Any]) -> None:
    reference = exactly(Call("f", {"a": spec["default"]})).for_tools(tools({"a": spec}))
    assert not match([Call("f")], reference)
    left_out = exactly(Call("f")).for_tools(tools({"a": spec}))
    assert not match([Call("f", {"a": spec["default"]})], left_out)


def test_a_function_not_offered_keeps_its_reference() -> None:
    reference = exactly(Call("g", {"x": 5})).for_tools(tools({"x": {"type": "float"}}))
    assert match([Call("g", {"x": 5})], reference)
    assert not match([Call("g", {"x": 5.0})], reference)


BROKEN = [
    ("", "no JSON"),
    ("[" * 100_000, "no JSON"),
    ('[{"name": "f", "arguments": {"a": 1e999}}]', "not finite"),
    ('[{"name": "f", "arguments": {"a": NaN}}]', "not finite"),
    ('[{"name": "f", "arguments": {"a": %s}}]', "nested deeper"),
    ("5", "^the reference must be a JSON list of calls, or an object with the key 'calls'$"),
    ('"[]"', "list of calls, or an object"),
    ("{}", "list of calls, or an object"),
    ('{"calls": {}}', "list of calls, or an object"),
    ("[5]", "^a call of the reference must be an object .* 'name' and 'arguments': 5$"),
    ('[{"name": "f"}]', "'name' and 'arguments'"),
    ('[{"name": 5, "arguments": {}}]', "'name' and 'arguments'"),
    ('[{"name": "f", "arguments": "{}"}]', "'name' and 'arguments'"),
    ('{"calls": [5]}', "'name' and 'arguments'"),
    (
        '{"calls": [{"name": "f", "arguments": {"a": 1}}]}',
        '^with alternatives, each argument of the reference must be a list of values .*{"a": 1}}$',
    ),
    ('{"calls": [{"name": "f", "arguments": {}, "omissible": "a"}]}', "a list of values"),
]


@pytest.mark.parametrize(("text", "message"), BROKEN)
def test_a_broken_reference_is_an_error_that_names_it(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Reference.from_json(text.replace("%s", "[" * 30 + "]" * 30))


def test_a_value_as_deep_as_an_answer_may_be_can_be_wanted() -> None:
    value: Any = 1
    for _ in range(24):
        value = [value]
    text = json.dumps({"calls": [{"name": "f", "arguments": {"a": [value]}}]})
    assert match([Call("f", {"a": value})], Reference.from_json(text))


@pytest.mark.parametrize(("opener", "closer"), [("[", "]"), ('{"a":', "}")])
def test_a_reference_is_bounded_in_depth(opener: str, closer: str) -> None:
    def reference(levels: int) -> Reference:
        value = opener * levels + "1" + closer * levels
        return Reference.from_json(
            f'{{"calls": [{{"name": "f", "arguments": {{"a": [{value}]}}}}], "alternatives": true}}'
        )

    assert len(reference(24).calls) == 1
    with pytest.raises(ValueError, match="deeper"):
        reference(25)


def test_an_unknown_comparison_is_named() -> None:
    with pytest.raises(ValueError, match="'fuzzy'"):
        match([], exactly(), "fuzzy")
