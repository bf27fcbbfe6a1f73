"""A signature of plain parameters says of every call what the schema library says."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egpo_verl.calls import Call, ToolSet
from egpo_verl.calls.plain import plain_parameter, plain_parameters, plain_schema
from egpo_verl.calls.schemas import parameters_schema

NAMES = ["a", "b", "é", "a.b"]
TYPES = ["string", "integer", "number", "boolean", "str", "int", "float", "bool"]
SCALARS: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([10**18, 10**300, -(2**64), 1.0, 0.0, -0.0, 0.5, 1e308])
    | st.sampled_from([float("nan"), float("inf"), -float("inf")])
    | st.sampled_from(["", "a", "b", "é", "e\u0301", "1", "True", "\0", "\U0001f600"])
)
VALUES = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.sampled_from(NAMES), SCALARS)
MORE = {"description": st.just("text"), "default": SCALARS}
WORDS = st.lists(st.sampled_from(["a", "b", "é"]), min_size=1)
SPECS = st.fixed_dictionaries({"type": st.sampled_from(TYPES)}, optional=MORE) | (
    st.fixed_dictionaries({"type": st.just("string"), "enum": WORDS}, optional=MORE)
)


@given(
    st.dictionaries(st.sampled_from(NAMES), SPECS),
    st.lists(st.sampled_from(NAMES)),
    st.dictionaries(st.sampled_from([*NAMES, "x"]), VALUES),
)
@settings(max_examples=2000)
def test_plain_signatures_agree_with_the_library(
    properties: dict[str, Any], required: list[str], arguments: dict[str, Any]
) -> None:
    parameters = {"type": "object", "properties": properties, "required": required}
    signature = ToolSet({"f": {"name": "f", "parameters": parameters}}).signature("f")
    assert signature is not None
    assert signature.plain is not None
    library = jsonschema_rs.Draft4Validator(signature.schema).is_valid(arguments)
    assert (signature.check(arguments) is None) == library


def test_what_a_plain_parameter_takes() -> None:
    number = plain_parameter({"type": "number"})
    assert number is not None
    assert [number.takes(value) for value in (1, 1.5, True, "1", None)] == [True, True] + [
        False
    ] * 3
    assert not any(map(number.takes, (float("nan"), float("inf"), -float("inf"))))
    word = plain_parameter({"type": "string", "enum": ["x", "y"]})
    assert word is not None
    assert [word.takes(value) for value in ("x", "y", "z", 1, None)] == [True, True] + [False] * 3


ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, [], {}, ["a"], ["a", "a"], ["é"], [1], True, "a", "int", "List[int]", 3, ["a", None]]
)
ANY_SPEC = st.dictionaries(
    st.sampled_from(["type", "description", "title", "default", "enum", "minimum", "required"]),
    ODD | st.sampled_from(TYPES),
)


@given(
    st.sampled_from(["object", "dict", "Dict", "string", None]) | ODD,
    st.dictionaries(st.sampled_from(NAMES), SPECS | ANY_SPEC | ODD) | ODD,
    st.none() | st.lists(st.sampled_from(NAMES)) | ODD,
    st.dictionaries(st.sampled_from(["description", "additionalProperties", "$ref"]), ODD),
)
@settings(max_examples=2000)
def test_a_plain_signature_read_in_one_pass_is_the_same(
    kind: Any, properties: Any, required: Any, more: dict[str, Any]
) -> None:
    parameters = {"type": kind, "properties": properties, "required": required, **more}
    found = plain_schema(parameters)
    if found is not None:
        notes: list[str] = []
        schema = parameters_schema(parameters, None, notes.append)
        assert found == (schema, plain_parameters(schema))
        assert notes == []


def test_a_plain_signature_is_read_in_one_pass() -> None:
    a = {"type": "int", "description": "of what", "default": 1}
    b = {"type": "string", "enum": ["x", "y"], "title": "B"}
    parameters = {"type": "dict", "properties": {"a": a, "b": b}, "required": ["b", "b"]}
    found = plain_schema(parameters)
    assert found is not None
    schema, plain = found
    assert schema == {
        "type": "object",
        "properties": {
            "a": {"type": "integer", "default": 1},
            "b": {"type": "string", "enum": ["x", "y"]},
        },
        "additionalProperties": False,
        "required": ["b"],
    }
    assert plain["a"].takes(2)
    assert not plain["b"].takes("z")
    every = {"type": "int", "description": "", "title": "", "default": None}
    assert plain_schema({**parameters, "properties": {"a": every}, "description": "", "title": ""})
    assert plain_schema({"type": "dict", "properties": {}}) == (
        {"type": "object", "properties": {}, "additionalProperties": False},
        {},
    )


@pytest.mark.parametrize(
    "change",
    [
        {"type": "string"},
        {"type": ["object"]},
        {"properties": None},
        {"properties": {"é": {"type": "string"}}},
        {"properties": {"a": "string"}},
        {"properties": {"a": {"type": ["string"]}}},
        {"properties": {"a": {"type": "any"}}},
        {"properties": {"a": {"type": "string", "format": "date"}}},
        {"properties": {"a": {"type": "string", "enum": []}}},
        {"properties": {"a": {"type": "integer", "enum": [1]}}},
        {"required": "a"},
        {"required": ["é"]},
        {"required": [1]},
        {"additionalProperties": True},
    ],
)
def test_what_is_not_plain_is_read_the_long_way(change: dict[str, Any]) -> None:
    assert plain_schema({"type": "object", "properties": {}, "required": [], **change}) is None
    assert plain_schema([change]) is None


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "array"},
        {"type": "object"},
        {"type": "null"},
        {"type": "integer", "minimum": 1},
        {"type": "string", "maxLength": 3},
        {"type": "integer", "enum": [1, 2]},
        {"type": "string", "enum": ["a", None]},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
    ],
)
def test_more_than_a_plain_parameter_is_left_to_the_library(schema: dict[str, Any]) -> None:
    assert plain_parameter(schema) is None


def test_open_signatures_are_left_to_the_library() -> None:
    for more in (True, {"type": "integer"}):
        parameters = {"type": "object", "properties": {"a": {"type": "string"}}}
        tools = ToolSet(
            {"f": {"name": "f", "parameters": parameters | {"additionalProperties": more}}}
        )
        signature = tools.signature("f")
        assert signature is not None
        assert signature.plain is None
        assert tools.check([Call("f", {"a": "x", "b": 1})]) is None
        assert (tools.check([Call("f", {"a": "x", "b": "y"})]) is None) == (more is True)


def test_text_that_is_no_unicode_in_a_plain_signature() -> None:
    tools = ToolSet.from_json(
        r'[{"name": "f", "parameters": {"a": {"type": "str", "default": "\ud800"}}}]'
    )
    assert tools.check([Call("f", {"a": "x"})]) is None
    assert tools.check([Call("f", {"a": 1})]) is not None
    assert tools.check([Call("f", {"\ud800": "x"})]) is not None
