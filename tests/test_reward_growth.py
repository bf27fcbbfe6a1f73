"""Work grows no faster than the response, and what is kept is bounded.

Steps are counted by the interpreter's own profiler (calls of functions, Python's and C's), since a
clock would make the test depend on the machine; benchmarks/reward_speed.py has the times.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from egpo_verl import reward
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
    reward._score_cached.cache_clear()
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
    answer = "</think>[f(a='x')]"
    short, long = (steps("<think>" + "x" * n + answer, EXPECTED, "python") for n in (10, 1_000_000))
    assert short == long


def test_what_is_kept_is_bounded() -> None:
    reward._score_cached.cache_clear()
    for n in range(3_000):
        compute_score("demo", f"{THOUGHT}[f(a={n})]", EXPECTED)
        compute_score("demo", f"{THOUGHT}[f(a='{'x' * 5_000}{n}')]", EXPECTED)
    kept = reward._score_cached.cache_info()
    assert kept.currsize == kept.maxsize == 2_048
    assert kept.misses == 3_000  # the long answers never went in
    for n in range(600):
        compute_score("demo", f"{THOUGHT}[]", f'[{{"name": "f{n}", "arguments": {{}}}}]')
    assert reward._row.cache_info().currsize == reward._row.cache_info().maxsize == 512


def test_an_answer_seen_before_is_judged_once() -> None:
    reward._score_cached.cache_clear()
    for _ in range(8):
        compute_score("demo", f"{THOUGHT}[f(a='x')]", EXPECTED)
    assert reward._score_cached.cache_info().misses == 1
