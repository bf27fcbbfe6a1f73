"""Time of verdicts on answers that are built to take long."""

from __future__ import annotations

import json
import time
from itertools import product

from reward_times import ROUNDS, THOUGHT

from egpo_verl.reward import compute_score

LONG = 1_000_000
FORMS = ("python", "json", "hermes")
EXPECTED = (
    "[]",
    '[{"name": "f", "arguments": {"a": "x"}}]',
    json.dumps(
        {
            "calls": [
                {"name": "f", "arguments": {"a": [f"é{n}", f"x{n}", n, [n]]}} for n in range(30)
            ],
            "alternatives": True,
        }
    ),
)
TOOLS = json.dumps([{"name": "f"}, {"name": "get_user_details", "parameters": {"a": {}}}])


def hostile(size: int) -> dict[str, str]:
    """Answers of about `size` characters, built to take long."""
    few, many = size // 2, size
    return {
        "list of integers": "[f(a=[" + "1," * few + "])]",
        "list of floats": "[f(a=[" + "1.5," * (size // 4) + "])]",
        "list of strings": "[f(a=[" + "'x'," * (size // 4) + "])]",
        "list of tuples": "[f(a=[" + "(1)," * (size // 4) + "])]",
        "escapes": "[f(a='" + r"\n" * few + "')]",
        "strings side by side": "[f(a=" + "'x'" * (size // 3) + ")]",
        "brackets": "[f(a=" + "[" * many,
        "digits": "[f(a=" + "1" * many + ")]",
        "dotted name": "[" + "a." * few + "f()]",
        "many arguments": "[f(" + ",".join(f"a{n}=1" for n in range(size // 9)) + ")]",
        "blanks": "[f(" + " " * many,
        "prose": "word " * (size // 5),
        "calls that never close": "f(" * few,
        "JSON brackets": '[{"name":' + "[" * many,
        "combining marks": "[f(a='" + "\u0301\u0323" * few + "')]",
        "accents apart": "[f(a='" + "e\u0301" * few + "')]",
        "accents apart, thirty calls": "[f(a='" + "e\u0301" * few + "')" + ", f(a=1)" * 29 + "]",
        "accented arguments": "[f(" + ",".join(f"é{n}=1" for n in range(size // 9)) + ")]",
        "quotes": "[f(a=" + "'" * many,
        "open tags": "<think>" * (size // 7),
    }


def without_calls(size: int) -> dict[str, str]:
    """Answers of about `size` characters where none of the functions offered is to be called."""
    return {
        "small code blocks": "".join(f"```g({n})```x" for n in range(size // 16)),
        "a block that imports": "x\n```\nimport b\n" + "f()\n" * (size // 4) + "```",
        "mentions": "x f(). " * (size // 7),
        "calls of others": "g(x);" * (size // 5),
        "full-width brackets": "天（'" * (size // 3),
        "announcements": "I'm " * (size // 4) + "f()",
        "texts of a record": "[" + '"f", ' * (size // 5) + "{}]",
    }


def hostile_ms(name: str, size: int) -> float:
    """Milliseconds of the slowest verdict on a hostile answer, with no call expected or some."""
    worst = 0.0
    for expected, form, strings in product(EXPECTED, FORMS, ("exact", "bfcl")):
        times = []
        for at in range(ROUNDS):
            response = THOUGHT + hostile(size - 10 * at)[name]
            start = time.thread_time()
            compute_score("hostile", response, expected, {"call_form": form}, strings=strings)
            times.append(time.thread_time() - start)
        worst = max(worst, min(times) * 1e3)
    return worst


def without_calls_ms(name: str, size: int) -> float:
    """Milliseconds of a verdict where functions are offered and no call is expected."""
    times = []
    for at in range(ROUNDS):
        response = THOUGHT + without_calls(size - 20 * at)[name]
        start = time.thread_time()
        compute_score("hostile", response, "[]", {"tools": TOOLS})
        times.append(time.thread_time() - start)
    return min(times) * 1e3


def worst_cases() -> list[str]:
    """Time of hostile answers at three lengths, where calls are expected and where none is."""
    sizes = (4_000, 32_000, LONG)
    lines = [
        "Hostile answers, where no call, one, and thirty with alternatives are expected, in three "
        "forms and under both comparisons of strings, the slowest; the last seven where functions "
        "are offered and no call is expected:",
        "",
        "| answer | 4 kB ms | 32 kB ms | 1 MB ms |",
        "|---|---:|---:|---:|",
    ]
    worst = dict.fromkeys(sizes, 0.0)
    measured = dict.fromkeys(hostile(10), hostile_ms)
    measured |= dict.fromkeys(without_calls(10), without_calls_ms)
    for name, milliseconds in measured.items():
        times = {size: milliseconds(name, size) for size in sizes}
        worst = {size: max(ms, times[size]) for size, ms in worst.items()}
        lines.append(f"| {name} | {' | '.join(f'{ms:.2f}' for ms in times.values())} |")
    return [*lines, f"| **worst** | {' | '.join(f'**{ms:.2f}**' for ms in worst.values())} |"]
