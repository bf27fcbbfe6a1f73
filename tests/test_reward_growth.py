"""Work grows no faster than the response, and memory does not grow with a training's length.

Steps are counted by the interpreter's profiler (calls of functions, Python's and C's), since a
clock would make the test depend on the machine; benchmarks/reward_speed.py has the times.
"""

from __future__ import annotations

import gc
import json
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egpo_verl.calls import FORMS
from egpo_verl.reward import compute_score

THOUGHT = "<think>x</think>"
EXPECTED = '[{"name": "f", "arguments": {"a": "x"}}]'
NAMES = st.sampled_from(["a", "b", "c"])
SHAPES: dict[str, Callable[[int], str]] = {
    "list": lambda n: "[f(a=[" + "1," * n + "])]",
    "strings": lambda n: "[f(a=[" + "'x'," * n + "])]",
    "escapes": lambda n: "[f(a='" + "\\n" * n + "')]",
    "neighbours": lambda n: "[f(a=" + "'x'" * n + ")]",
    "arguments": lambda n: "[f(" + ",".join(f"a{i}=1" for i in range(n)) + ")]",
    "dict": lambda n: "[f(a={" + ",".join(f"'{i}':1" for i in range(n)) + "})]",
    "dots": lambda n: "[" + "a." * n + "f()]",
    "parentheses": lambda n: "f(" * n,
    "brackets": lambda n: "[" * n,
    "lists of lists": lambda n: "[f(a=[" + "[[]]," * n + "])]",
    "prose": lambda n: "word (so) " * n,
    "JSON": lambda n: '[{"name": "f", "arguments": {"a": [' + "1, " * n + "1]}}]",
    "JSON objects": lambda n: '{"name": "f", "parameters": {"a": [' + '{"b": 1}, ' * n + "1]}}",
    "blocks": lambda n: '<tool_call>{"name": "f", "arguments": {}}</tool_call>' * n,
}


def steps(
    response: str, expected: str, form: str, tools: str | None = None, strings: str = "exact"
) -> int:
    """How many functions are called to score `response`."""
    info = {"call_form": form, "tools": tools}
    count = 0

    def counted(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    compute_score("demo", f"{THOUGHT}compile the row", expected, info)
    sys.setprofile(counted)
    try:
        compute_score("demo", response, expected, info, strings=strings)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", SHAPES)
def test_four_times_the_length_takes_four_times_the_steps(shape: str, form: str) -> None:
    for expected in (EXPECTED, "[]"):
        short, long = (steps(THOUGHT + SHAPES[shape](n), expected, form) for n in (100, 400))
        assert long <= 4 * short + 100


PARTS: st.SearchStrategy[Any] = st.sampled_from(
    [
        {"type": "integer"},
        {"type": "number", "default": 5},
        {"type": "string", "default": "x"},
        {"enum": [1, "x", None]},
        {"$ref": "#/$defs/N"},
        {},
    ]
)
SCHEMAS = st.recursive(
    PARTS,
    lambda inner: (
        st.fixed_dictionaries({"type": st.just("array"), "items": inner})
        | st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=3)})
        | st.fixed_dictionaries({"allOf": st.lists(inner, min_size=1, max_size=2)})
        | st.fixed_dictionaries({"type": st.just("object"), "additionalProperties": inner})
        | st.fixed_dictionaries(
            {"type": st.just("object"), "properties": st.dictionaries(NAMES, inner, max_size=3)},
            optional={"default": st.just({})},
        )
    ),
    max_leaves=8,
)
VALUES = st.recursive(
    st.sampled_from([1, 5.0, "x", None]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


@given(SCHEMAS, SCHEMAS, VALUES, st.sampled_from([1, 20]), st.booleans())
@settings(max_examples=60, deadline=None)
def test_twice_the_answer_takes_twice_the_steps_whatever_the_schema(
    schema: Any, definition: Any, value: Any, calls: int, lists: bool
) -> None:
    properties = {"a": schema, "z": {"type": "integer"}}
    parameters = {"type": "object", "properties": properties, "$defs": {"N": definition}}
    tools = json.dumps([{"name": "f", "parameters": parameters}])
    truth = json.dumps([{"name": "f", "arguments": {"a": value, "z": n}} for n in range(calls)])

    def answer(size: int) -> str:
        many = [value] * size if lists else dict.fromkeys(map(str, range(size)), value)
        return json.dumps(
            [{"name": "f", "arguments": {"a": many, "z": n + 1}} for n in range(calls)]
        )

    size = 800 // calls // (1 + len(json.dumps(value)) // 10)
    short, long = (steps(THOUGHT + answer(n), truth, "json", tools) for n in (size, 2 * size))
    assert long <= 2.5 * short + 200


def many(count: int, arguments: Callable[[int], dict[str, Any]]) -> str:
    return json.dumps([{"name": "f", "arguments": arguments(n)} for n in range(count)])


DEFAULTS = {
    "type": "object",
    "properties": {f"k{n}": {"type": "integer", "default": n} for n in range(6)},
}
LONG = [f"x{n} " * 100 for n in range(8)]
LATE: dict[str, tuple[Any, Callable[[int, int], dict[str, Any]]]] = {
    "inner defaults": (DEFAULTS, lambda n, wrong: {"a": {"k0": n + wrong}}),
    "the last argument": (None, lambda n, wrong: {**dict.fromkeys(NAMED, 1), "z": n + wrong}),
    "the last item": (None, lambda n, wrong: {"a": [1] * 40 + [n + wrong]}),
}
NAMED = [f"a{n}" for n in range(40)]


@pytest.mark.parametrize("name", LATE)
def test_twice_the_calls_take_twice_the_steps(name: str) -> None:
    schema, arguments = LATE[name]
    tools = json.dumps(
        [{"name": "f", "parameters": {"type": "object", "properties": {"a": schema}}}]
    )
    short, long = (
        steps(
            THOUGHT + many(count, lambda n: arguments(n, 1)),
            many(count, lambda n: arguments(n, 0)),
            "json",
            tools if schema else None,
        )
        for count in (30, 60)
    )
    assert long <= 2.5 * short


def test_a_text_is_standardised_once_however_many_calls_and_alternatives_there_are() -> None:
    def counted(count: int) -> int:
        alternatives = [
            {"name": "f", "arguments": {"a": [f"{text}{n}" for text in LONG]}} for n in range(count)
        ]
        truth = json.dumps({"calls": alternatives, "alternatives": True})
        response = THOUGHT + many(count, lambda n: {"a": f"{LONG[0]}{n + 1}"})
        return steps(response, truth, "json", None, strings="bfcl")

    assert counted(60) <= 2.5 * counted(30)


@pytest.mark.parametrize("shape", SHAPES)
def test_beyond_the_bounds_nothing_more_is_done(shape: str) -> None:
    huge = THOUGHT + SHAPES[shape](40_000)
    for expected in (EXPECTED, "[]"):
        assert steps(huge, expected, "python") < 200


def test_a_long_thought_costs_no_steps() -> None:
    thoughts = {"y": "x" * 10, "z": "x" * 1_000_000}
    short, long = (
        steps(f"<think>{thought}</think>[f(a='{value}')]", EXPECTED, "python")
        for value, thought in thoughts.items()
    )
    assert short == long


def test_an_answer_seen_before_is_not_judged_again() -> None:
    first, again = (steps(f"{THOUGHT}[f(a='seen', b=[1, 2])]", EXPECTED, "python") for _ in "12")
    assert again < first / 2


def test_memory_does_not_grow_with_the_number_of_responses() -> None:
    def judge(batch: int) -> None:
        for n in range(batch * 1_100, (batch + 1) * 1_100):
            one = f'[{{"name": "f{n}", "arguments": {{"a": "{n}"}}}}]'
            tools = f'[{{"name": "f{n}", "parameters": {{"a": {{"type": "str"}}}}}}]'
            for answer in ("é" * 100, "x" * 5_000):
                response = f"{THOUGHT}[f{n}(a='{n}{answer}')]"
                compute_score("demo", response, one, {"tools": tools}, strings="bfcl")

    held = []
    tracemalloc.start()
    try:
        for batch in range(3):
            judge(batch)
            gc.collect()
            held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert held[2] < 1.1 * held[1]
