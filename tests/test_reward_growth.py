"""Work grows no faster than the response, and memory does not grow with a training's length.

Steps are counted by the interpreter's profiler (calls of functions, Python's and C's), since a
clock would make the test depend on the machine; benchmarks/reward_speed.py has the times.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from egpo_verl.calls import FORMS
from egpo_verl.reward import compute_score

THOUGHT = "<think>x</think>"
EXPECTED = '[{"name": "f", "arguments": {"a": "x"}}]'
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


def steps(response: str, expected: str, form: str) -> int:
    """How many functions are called to score `response`."""
    count = 0

    def counted(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    compute_score("demo", f"{THOUGHT}compile the row", expected, {"call_form": form})
    sys.setprofile(counted)
    try:
        compute_score("demo", response, expected, {"call_form": form})
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", SHAPES)
def test_four_times_the_length_takes_four_times_the_steps(shape: str, form: str) -> None:
    for expected in (EXPECTED, "[]"):
        short, long = (steps(THOUGHT + SHAPES[shape](n), expected, form) for n in (100, 400))
        assert long <= 4 * short + 100


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
        for n in range(batch * 1_500, (batch + 1) * 1_500):
            one = f'[{{"name": "f{n}", "arguments": {{"a": "{n}"}}}}]'
            tools = f'[{{"name": "f{n}", "parameters": {{"a": {{"type": "str"}}}}}}]'
            for answer in ("x" * 100, "é" * 100, "x" * 5_000):
                response = f"{THOUGHT}[f{n}(a='{n}{answer}')]"
                compute_score("demo", response, one, {"tools": tools}, strings="bfcl")

    held = []
    tracemalloc.start()
    try:
        for batch in range(4):
            judge(batch)
            gc.collect()
            held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert max(held[2:]) < 1.1 * held[1]
