"""Floats and defaults wherever a schema declares them: the shapes that pydantic generates."""

# ruff: noqa: UP007, UP045 (unions written as most tools of pydantic write them)

from __future__ import annotations

import json
from enum import Enum
from typing import Any, Literal, NewType, Optional, Union

import pytest

from egpo_verl.reward import Reason, compute_score

pydantic = pytest.importorskip("pydantic", minversion="2")
THOUGHT = "<think>So.</think>"
Kelvin = NewType("Kelvin", float)


class Color(str, Enum):
    RED = "red"


class Point(pydantic.BaseModel):
    x: float
    y: float = 0


class Headers(pydantic.BaseModel):
    accept: str = "json"
    retries: int = 3
    delay: float = 1


class Closed(pydantic.BaseModel, extra="forbid"):
    kind: Literal["closed"] = "closed"
    size: float = 2


class Open(pydantic.BaseModel):
    kind: Literal["open"]
    size: int = 5


class Tree(pydantic.BaseModel):
    value: float
    unit: str = "m"
    children: list[Tree] = pydantic.Field(default=[])


class Path(pydantic.BaseModel):
    points: list[Point] = pydantic.Field(min_length=1)
    color: Color = Color.RED
    at: Point | None = None


class Between(pydantic.RootModel[float]):
    root: float = pydantic.Field(ge=0, le=100)


Shape = tuple[Any, Any, Any]
"""The type of a parameter, and two values of it."""
SAME: dict[str, Shape] = {
    "float": (float, 5, 5.0),
    "optional float": (Optional[float], 5, 5.0),
    "optional list of floats": (Optional[list[float]], [5], [5.0]),
    "list of optional floats": (list[float | None], [5, None], [5.0, None]),
    "list of lists": (list[list[float]], [[5], []], [[5.0], []]),
    "map of floats": (dict[str, float], {"a": 5}, {"a": 5.0}),
    "map of lists or nothing": (dict[str, list[float] | None], {"a": [5]}, {"a": [5.0]}),
    "tuple": (tuple[int, float], [5, 5], [5, 5.0]),
    "any number of floats": (tuple[float, ...], [5, 5], [5.0, 5.0]),
    "new type": (Kelvin, 5, 5.0),
    "constrained by a root model": (Between, 5, 5.0),
    "list of root models": (Optional[list[Between]], [5], [5.0]),
    "whole number or float": (Union[int, float], 5, 5.0),
    "float or whole number": (Union[float, int], 5, 5.0),
    "whole numbers or floats": (list[Union[int, float]], [5, 6], [5.0, 6]),
    "whole number, or float in a model": (Union[int, Between], 5, 5.0),
    "text or float": (Union[str, float], 5, 5.0),
    "texts or floats": (Union[list[str], list[float]], [5], [5.0]),
    "float or floats": (Union[float, list[float]], [5], [5.0]),
    "maps of texts or of floats": (Union[dict[str, str], dict[str, float]], {"a": 5}, {"a": 5.0}),
    "model": (Point, {"x": 1}, {"x": 1.0, "y": 0.0}),
    "optional model": (Optional[Point], {"x": 1}, {"x": 1.0, "y": 0.0}),
    "models": (list[Point], [{"x": 1}], [{"x": 1.0, "y": 0}]),
    "optional models": (Optional[list[Point]], [{"x": 1}], [{"x": 1.0, "y": 0}]),
    "models by name": (dict[str, Point], {"a": {"x": 1}}, {"a": {"x": 1.0, "y": 0}}),
    "model inside a model": (
        Path,
        {"points": [{"x": 1}]},
        {"points": [{"x": 1.0, "y": 0}], "color": "red", "at": None},
    ),
    "recursive model": (
        Tree,
        {"value": 1, "children": [{"value": 2}]},
        {"value": 1.0, "unit": "m", "children": [{"value": 2.0, "unit": "m", "children": []}]},
    ),
    "all defaults": (Headers, {}, {"accept": "json", "retries": 3, "delay": 1.0}),
    "a model of a union": (Union[Closed, Open], {"kind": "open"}, {"kind": "open", "size": 5}),
    "another of it": (Union[Closed, Open], {"kind": "closed"}, {"kind": "closed", "size": 2.0}),
    "by its required member": (Union[Point, Closed], {}, {"kind": "closed", "size": 2}),
}
DIFFERENT: dict[str, Shape] = {
    "a whole number is declared": (int, 5, 5.0),
    "whole numbers are": (Optional[list[int]], [5], [5.0]),
    "whole numbers are, before floats": (Union[list[int], list[float]], [5], [5.0]),
    "a whole number or a text is": (Union[int, str], 5, 5.0),
    "no type is": (Any, 5, 5.0),
    "the first of a tuple is": (tuple[int, float], [5, 5.0], [5.0, 5.0]),
    "another value": (Optional[list[float]], [5], [5.5]),
    "another default": (Optional[Point], {"x": 1}, {"x": 1, "y": 1}),
    "another default inside": (Tree, {"value": 1}, {"value": 1, "children": [{"value": 1}]}),
    "null where no default is": (Optional[Point], {"x": 1}, None),
    "the default of the other model": (
        Union[Closed, Open],
        {"kind": "open"},
        {"kind": "open", "size": 2},
    ),
}
LEFT_OUT: dict[str, tuple[Any, Any, list[Any], list[Any]]] = {
    "optional model": (Optional[Point], None, [None], [{"x": 0}, {}]),
    "float": (float, 1, [1, 1.0], [2, None]),
    "optional floats": (Optional[list[float]], [1], [[1], [1.0]], [[], None]),
    "new type": (Kelvin, 0, [0, 0.0], [1]),
    "whole number, its default a float": (int, 5.0, [5], [6, 5.5]),
    "optional whole number, its default a float": (Optional[int], 5.0, [5], [6, None]),
    "whole numbers, their defaults floats": (list[int], [5.0, 6.0], [[5, 6]], [[5], [5, 7]]),
    "whole number or text, its default a float": (Union[int, str], 5.0, [5], ["5", "5.0"]),
    "a default that is no whole number": (int, 5.5, [], [5, 6, 5.5]),
    "enum": (Color, "red", ["red"], ["blue"]),
    "model of defaults": (
        Headers,
        {},
        [{}, {"retries": 3}, {"accept": "json", "retries": 3, "delay": 1}],
        [{"retries": 4}, None],
    ),
    "model with a default of its own": (Headers, {"retries": 4}, [{"retries": 4}], [{}]),
    "root model": (Between, 5, [5, 5.0], [6]),
    "union of models": (Union[Closed, Open], {}, [{}, {"size": 2.0}], [{"kind": "open"}]),
}


def offered(kind: Any, default: Any = ...) -> str:
    """A function of one argument as pydantic describes it, the definitions at its top."""
    arguments = pydantic.create_model("Arguments", a=(kind, default))
    schema = arguments.model_json_schema()
    return json.dumps([{"name": "f", "parameters": schema}])


def result(arguments: dict[str, Any], reference: dict[str, Any], tools: str) -> Reason:
    call = json.dumps([{"name": "f", "arguments": arguments}])
    truth = json.dumps([{"name": "f", "arguments": reference}])
    info = {"tools": tools, "call_form": "json"}
    return Reason(compute_score("demo", THOUGHT + call, truth, info)["reason"])


@pytest.mark.parametrize("name", SAME)
def test_two_ways_to_write_one_value_are_the_same(name: str) -> None:
    kind, one, other = SAME[name]
    tools = offered(kind)
    for value in (one, other):
        for expected in (one, other):
            assert result({"a": value}, {"a": expected}, tools) is Reason.OK


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_differs_stays_different(name: str) -> None:
    kind, one, other = DIFFERENT[name]
    tools = offered(kind)
    assert result({"a": one}, {"a": one}, tools) is Reason.OK
    assert result({"a": other}, {"a": one}, tools) is not Reason.OK


@pytest.mark.parametrize("name", LEFT_OUT)
def test_a_default_may_be_left_out_or_written_in_any_way(name: str) -> None:
    kind, default, same, others = LEFT_OUT[name]
    tools = offered(kind, default)
    assert result({}, {}, tools) is Reason.OK
    for value in same:
        assert result({"a": value}, {}, tools) is Reason.OK
        assert result({}, {"a": value}, tools) is Reason.OK
    for value in others:
        assert result({"a": value}, {}, tools) is not Reason.OK
        assert result({}, {"a": value}, tools) is not Reason.OK


def test_the_shape_of_bfcls_send_http_request() -> None:
    headers = {
        "type": "dict",
        "properties": {"accept": {"type": "string", "default": "json"}},
        "default": {},
    }
    tools = json.dumps(
        [{"name": "f", "parameters": {"type": "dict", "properties": {"headers": headers}}}]
    )
    for one in ({}, {"headers": {}}, {"headers": {"accept": "json"}}):
        for other in ({}, {"headers": {}}, {"headers": {"accept": "json"}}):
            assert result(one, other, tools) is Reason.OK
        assert result(one, {"headers": {"accept": "xml"}}, tools) is Reason.WRONG_ARGUMENT


def test_all_of_and_references_of_older_generators() -> None:
    parameters = {
        "type": "object",
        "properties": {
            "a": {"allOf": [{"$ref": "#/definitions/N"}], "default": 1},
            "b": {"allOf": [{"$ref": "#/definitions/O"}, {"properties": {"z": {"default": 1}}}]},
        },
        "definitions": {
            "N": {"type": "number"},
            "O": {"type": "object", "properties": {"y": {"$ref": "#/definitions/N", "default": 2}}},
        },
    }
    tools = json.dumps([{"name": "f", "parameters": parameters}])
    for one in ({"b": {}}, {"a": 1.0, "b": {"y": 2.0}}, {"b": {"z": 1, "y": 2}}):
        for other in ({"b": {}}, {"a": 1, "b": {"y": 2}}, {"a": 1.0, "b": {"z": 1}}):
            assert result(one, other, tools) is Reason.OK
    assert result({"b": {"z": 2}}, {"b": {}}, tools) is Reason.WRONG_ARGUMENT


def unfolding(levels: int) -> str:
    """Defaults that hold two of the next, each: 2 ** levels values when written out."""
    definitions = {
        f"L{level}": {
            "type": "object",
            "properties": {
                name: {"$ref": f"#/$defs/L{level + 1}", "default": {}} for name in ("a", "b")
            },
        }
        for level in range(levels)
    }
    definitions[f"L{levels}"] = {"type": "object"}
    parameters = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/L0", "default": {}}},
        "$defs": definitions,
    }
    return json.dumps([{"name": "f", "parameters": parameters}])


def inside_itself(definition: dict[str, Any]) -> str:
    """A function whose argument is of a type that its definition refers to."""
    parameters = {
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/N"}},
        "$defs": {"N": definition},
    }
    return json.dumps([{"name": "f", "parameters": parameters}])


N = {"$ref": "#/$defs/N"}


@pytest.mark.parametrize(
    "tools",
    [
        unfolding(60),
        inside_itself(N),
        inside_itself({"allOf": [N]}),
        inside_itself({"anyOf": [N, {"type": "object"}]}),
        inside_itself({"type": "object", "properties": {"n": {**N, "default": {}}}}),
        inside_itself({"type": "object", "additionalProperties": {"oneOf": [N, {"type": "null"}]}}),
        inside_itself({"$ref": "#/$defs/nowhere"}),
    ],
)
def test_definitions_that_never_end_are_judged_all_the_same(tools: str) -> None:
    for value in ({}, {"z": {}}):
        assert result({"a": value}, {"a": value}, tools) is Reason.OK
    assert result({"a": {}}, {"a": {"z": {}}}, tools) is not Reason.OK
