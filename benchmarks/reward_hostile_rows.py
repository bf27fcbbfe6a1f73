"""Time of verdicts on wrong answers to rows that make the comparison work."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from reward_times import ROUNDS, THOUGHT

from egpo_verl.reward import compute_score


class Hostile(NamedTuple):
    """A row and answers of about 32 kB to it, or as long as its bounds let them be."""

    reference: str
    tools: str | None
    answer: Callable[[int], str]
    strings: str = "exact"


def calls_text(count: int, arguments: Callable[[int], dict[str, Any]]) -> str:
    """So many calls of `f` as JSON."""
    return json.dumps([{"name": "f", "arguments": arguments(n)} for n in range(count)])


def tools_text(argument: Any, **definitions: Any) -> str:
    """`f` with one declared argument as JSON."""
    parameters = {"type": "object", "properties": {"a": argument}, "$defs": definitions}
    return json.dumps([{"name": "f", "parameters": parameters}])


def answer_text(count: int, arguments: Callable[[int], dict[str, Any]]) -> str:
    """So many calls of `f` in the Python form."""
    calls = (", ".join(f"{k}={v!r}" for k, v in arguments(n).items()) for n in range(count))
    return f"[{', '.join(f'f({inside})' for inside in calls)}]"


def hostile_rows() -> dict[str, Hostile]:
    """Rows that make the comparison work, each with wrong answers; `n` makes one new."""
    defaults = {"properties": {f"k{n}": {"type": "integer", "default": n} for n in range(6)}}
    many = {"properties": {f"k{n}": {"default": n} for n in range(100)}}
    node = {"$ref": "#/$defs/N"}
    union = {
        "anyOf": [
            {"type": "object", "properties": {"c": node, "d": {"enum": ["x"]}}},
            {"type": "object", "properties": {"c": node, "e": {"default": 1}}},
            {"type": "array", "items": node},
            {"type": "integer"},
        ]
    }
    texts = {"calls": [], "alternatives": True}
    for n in range(60):
        values = [f"x{n * 8 + at} " * 60 for at in range(8)]
        texts["calls"].append({"name": "f", "arguments": {"a": values}})
    names = [f"a{n}" for n in range(62)]

    def nested(inner: Any) -> Any:
        for _ in range(21):
            inner = {"c": inner}
        return inner

    return {
        "60 calls with defaults inside": Hostile(
            calls_text(60, lambda n: {"a": {"k0": n}}),
            tools_text({"type": "object", **defaults}),
            lambda new: answer_text(60, lambda n: {"a": {"k0": n + 1, "k1": new}}),
        ),
        "60 calls of 8 long alternatives, strings=bfcl": Hostile(
            json.dumps(texts),
            None,
            lambda new: answer_text(60, lambda n: {"a": f"y{n + new} " * 60}),
            "bfcl",
        ),
        "64 calls that differ in the last of 63 arguments": Hostile(
            calls_text(64, lambda n: {**dict.fromkeys(names, 1), "z": n}),
            None,
            lambda new: answer_text(64, lambda n: {**dict.fromkeys(names, 1), "z": n + 1 + new}),
        ),
        "60 calls of lists that differ in the last item": Hostile(
            calls_text(60, lambda n: {"a": [1] * 60 + [n]}),
            None,
            lambda new: answer_text(60, lambda n: {"a": [1] * 60 + [n + 1 + new]}),
        ),
        "1,000 objects of 100 defaults": Hostile(
            calls_text(1, lambda n: {"a": [{}] * 900}),
            tools_text({"type": "array", "items": many}),
            lambda new: answer_text(1, lambda n: {"a": [{"k1": new + 2}] * 900}),
        ),
        "a union inside itself, 21 levels deep": Hostile(
            calls_text(1, lambda n: {"a": nested([1] * 3_900)}),
            tools_text(node, N=union),
            lambda new: answer_text(1, lambda n: {"a": nested([new + 2] * 3_900)}),
        ),
        "unique items": Hostile(
            calls_text(1, lambda n: {"a": [1]}),
            tools_text({"type": "array", "uniqueItems": True}),
            lambda new: answer_text(1, lambda n: {"a": list(range(new, new + 4_000))}),
        ),
    }


def slowest_rows() -> list[str]:
    """Time of wrong answers to rows that make the comparison work."""
    lines = [
        "Wrong answers to rows that make the comparison work; the row was compiled before:",
        "",
        "| row | characters | ms |",
        "|---|---:|---:|",
    ]
    for name, row in hostile_rows().items():
        info = {"tools": row.tools}

        def task(response: str, row: Hostile = row, info: Any = info) -> object:
            return compute_score("slow", response, row.reference, info, strings=row.strings)

        task(THOUGHT + row.answer(ROUNDS))
        times = []
        for at in range(ROUNDS):
            response = THOUGHT + row.answer(at)
            start = time.thread_time()
            task(response)
            times.append(time.thread_time() - start)
        lines.append(f"| {name} | {len(response):,} | {min(times) * 1e3:.2f} |")
    return [*lines, ""]
