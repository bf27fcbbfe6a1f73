"""A signature of plain parameters says of every call what the schema library says."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egpo_verl.calls import Call, ToolSet
from egpo_verl.calls.plain import plain_parameter

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
@settings(max_examples=2000, deadline=None)
def test_plain_signatures_agree_with_the_library(
    properties: dict[str, Any], required: list[str], arguments: dict[str, Any]
) -> None:
    parameters = {"type": "object", "properties": properties, "required": required}
    signature = ToolSet({"f": {"name": "f", "parameters": parameters}}).signature("f")
    assert signature is not None
    assert signature.plain is not None
    library = jsonschema_rs.Draft4Validator(signature.schema).is_valid(arguments)
    assert (signature.check(arguments) is None) == library


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
