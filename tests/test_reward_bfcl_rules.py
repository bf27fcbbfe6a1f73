"""A row that says `"rules": "bfcl"` is judged as BFCL's scorer judges, whatever the template."""

from __future__ import annotations

import json

import pytest

from egpo_verl.calls import Call
from egpo_verl.calls.bfcl_reading import read_as_bfcl
from egpo_verl.reward import Reason, compute_score

TOOLS = json.dumps([{"name": "f", "parameters": {"a": {"type": "int"}, "b": {"type": "str"}}}])
ONE = '{"calls": [{"name": "f", "arguments": {"a": [1, "1"], "b": ["New York"]}}], "rules": "bfcl"}'
TEXT = '{"calls": [{"name": "f", "arguments": {"a": ["1"], "b": ["New York"]}}], "rules": "bfcl"}'
NONE = '{"calls": [], "rules": "bfcl"}'
ANY = '{"calls": [], "rules": "bfcl", "any_call": true}'
RIGHT = "[f(a=1, b='New York')]"
T = "<think>So.</think>"

ROWS = [
    (ONE, T + RIGHT, 1, 1, Reason.OK, 1),
    (ONE, RIGHT, 1, 0, Reason.OK, 1),
    (ONE, f"{T}```\n{RIGHT}\n```", 1, 1, Reason.OK, 1),
    (ONE, T + RIGHT[1:-1], 1, 1, Reason.OK, 1),
    (ONE, T + RIGHT[:-1], 1, 1, Reason.OK, 1),
    (ONE, T + RIGHT[1:], 1, 1, Reason.OK, 1),
    (ONE, f"{T}[f(a=1, b='new-york.')]", 1, 1, Reason.OK, 1),
    (ONE, f"{T}[f(a='1', b='New York')]", 0, 1, Reason.WRONG_ARGUMENT, 1),
    (TEXT, f"{T}[f(a='1', b='New York')]", 1, 1, Reason.OK, 1),
    (TEXT, f"{T}[f(a=1, b='New York')]", 0, 1, Reason.WRONG_ARGUMENT, 1),
    (ONE, f"{T}{T}{RIGHT}", 1, 0, Reason.OK, 1),
    (ONE, f"<think>{RIGHT}", 0, 0, Reason.NO_CALL_MADE, 0),
    (ONE, f"{RIGHT}<think>so", 1, 0, Reason.OK, 1),
    (ONE, f"{T}[f(a=2, b='New York')]", 0, 1, Reason.WRONG_ARGUMENT, 1),
    (ONE, f"{T}[f(a=1)]", 0, 1, Reason.MISSING_ARGUMENT, 1),
    (ONE, f"{T}[g(a=1)]", 0, 1, Reason.UNKNOWN_FUNCTION, 1),
    (ONE, f"{T}[f(a=", 0, 1, Reason.NOT_LITERAL, 0),
    (ONE, f"{T}```python\n{RIGHT}\n```", 0, 1, Reason.NO_CALL_LIST, 0),
    (NONE, f"{T}None of them can.", 1, 1, Reason.OK, 0),
    (NONE, "None of them can.", 1, 0, Reason.OK, 0),
    (NONE, "", 1, 0, Reason.OK, 0),
    (NONE, f"{T}[]", 1, 1, Reason.OK, 0),
    (NONE, f"{T}[f(a=", 1, 1, Reason.OK, 0),
    (NONE, f"{T}[f]", 1, 1, Reason.OK, 0),
    (NONE, f"{T}[f(a=b.c)]", 1, 1, Reason.OK, 0),
    (NONE, f"{T}[f(), 1]", 1, 1, Reason.OK, 0),
    (NONE, f"{T}[f(1,\0)]", 1, 1, Reason.OK, 0),
    (NONE, f"{T}{RIGHT}", 0, 1, Reason.CALL_NOT_WANTED, 1),
    (NONE, f"{T}[g(), g()]", 0, 1, Reason.CALL_NOT_WANTED, 2),
    (NONE, f"{T}[f('x')]", 0, 1, Reason.CALL_NOT_WANTED, 1),
    (NONE, f"{T}[f(a=1 + 2)]", 0, 1, Reason.CALL_NOT_WANTED, 1),
    (NONE, f"{T}[f(a=b, c=[d], e={{'x': y}}, g=(1,))]", 0, 1, Reason.CALL_NOT_WANTED, 1),
    (NONE, f"{T}[f(a=+1, c=d[0], e=g(2), h=None, **i)]", 0, 1, Reason.CALL_NOT_WANTED, 1),
    (ANY, f"{T}{RIGHT}", 1, 1, Reason.OK, 1),
    (ANY, "g(b)", 1, 0, Reason.OK, 1),
    (ANY, f"{T}[]", 0, 1, Reason.NO_CALL_MADE, 0),
    (ANY, f"{T}None of them can.", 0, 1, Reason.NO_CALL_MADE, 0),
    (ANY, "", 0, 0, Reason.NO_CALL_MADE, 0),
]  # fmt: skip


@pytest.mark.parametrize(("row", "response", "acc", "format_ok", "reason", "calls"), ROWS)
def test_the_row_decides_whose_rules_hold(
    row: str, response: str, acc: int, format_ok: int, reason: Reason, calls: int
) -> None:
    result = compute_score("demo", response, row, {"tools": TOOLS})
    assert (result["score"], result["acc"], result["format_ok"]) == (acc, acc, format_ok)
    assert (Reason(result["reason"]), result["num_calls"]) == (reason, calls)


def test_what_is_no_text_is_no_call() -> None:
    response: object = None
    for row, acc in ((NONE, 1.0), (ANY, 0.0), (ONE, 0.0)):
        assert compute_score("demo", response, row)["acc"] == acc  # type: ignore[arg-type]


def test_calls_of_another_form_are_calls_too() -> None:
    answer = '<tool_call>{"name": "f", "arguments": {"a": 1, "b": "New York"}}</tool_call>'
    for row, acc in ((ONE, 1.0), (NONE, 0.0), (ANY, 1.0)):
        info = {"tools": TOOLS, "call_form": "hermes"}
        assert compute_score("demo", f"{T} {answer} ", row, info)["acc"] == acc
    assert compute_score("demo", f"{T}{RIGHT}", ONE, {"call_form": "hermes"})["acc"] == 1.0


def test_other_rules_are_an_error_that_names_them() -> None:
    with pytest.raises(ValueError, match="unknown rules: 'mine'"):
        compute_score("demo", T + RIGHT, '{"calls": [], "rules": "mine"}')


def test_an_answer_that_mentions_rules_changes_none() -> None:
    row = '[{"name": "f", "arguments": {"b": "\\"rules\\": \\"bfcl\\""}}]'
    assert compute_score("demo", '[f(b=\'"rules": "bfcl"\')]', row)["reason"] == Reason.NO_THOUGHT


def test_python_is_asked_about_short_texts_only() -> None:
    assert read_as_bfcl(f"[f({'x' * 3_995})]").calls == (Call("f"),)
    assert read_as_bfcl(f"[f({'x' * 3_996})]").calls is None
    assert read_as_bfcl("f()").calls == (Call("f"),)


SHAPES = json.dumps(
    [
        {
            "name": "plan.trip",
            "parameters": {
                "type": "dict",
                "properties": {
                    "unit": {"type": "string", "default": "celsius"},
                    "days": {"type": "integer", "default": 7},
                    "price": {"type": "float"},
                    "fast": {"type": "boolean"},
                    "points": {"type": "array", "items": {"type": "float"}},
                    "place": {"type": "tuple", "items": {"type": "float"}},
                    "names": {"type": "array", "items": {"type": "string"}},
                    "box": {"type": "dict"},
                    "steps": {"type": "array", "items": {"type": "dict"}},
                    "note": {"type": "any"},
                },
                "required": ["unit"],
            },
        }
    ]
)


def listed(omissible: list[str] | None = None, **values: object) -> str:
    arguments = {"unit": ["fahrenheit"], **values}
    call = {"name": "plan.trip", "arguments": arguments, "omissible": omissible or []}
    return json.dumps({"calls": [call], "alternatives": True, "rules": "bfcl"})


U = listed()
DAYS = listed(days=[10])
MAYBE = listed(["unit", "days", "names"], unit=["kelvin"], days=[10], names=[["a"]])
PRICE = listed(price=[5.0])
POINTS = listed(points=[[1.0, 2.5]])
PLACE = listed(place=[[1.0, 2.5]])
NAMES = listed(names=[["New York", "Bonn"]])
BOX = listed(box=[{"w": 1, "who": "Ann"}, {"w": 1}])
STEPS = listed(steps=[[{"do": "Go"}, {"do": "Stop"}]])
FAST = listed(fast=[True])
NOTE = listed(note=[5])

AS_ITS_CHECKER = [
    # What a model would naturally write.
    (U, "[plan.trip(unit='fahrenheit')]  # as asked", 1),
    (U, "[plan.trip(unit='fahrenheit')  # as asked\n]", 1),
    (U, "# as asked\n[plan.trip(unit='fahrenheit')]", 0),
    (U, "[plan.trip(unit=fahrenheit)]", 1),
    (U, "[plan.trip(unit=Unit.fahrenheit)]", 0),
    (U, "[plan.trip(unit='fahren' + 'heit')]", 1),
    (U, "[plan.trip(unit='fahren' 'heit')]", 1),
    (U, "[plan.trip(unit='fahrenheit' + name)]", 0),
    (U, "[plan.trip(unit=f'fahrenheit')]", 0),
    (U, "[plan.trip(unit=str('fahrenheit'))]", 0),
    (U, "[plan.trip(unit='Fahren-heit.')]", 1),
    (U, "[plan.trip('Rome', unit='fahrenheit')]", 1),
    (U, "[plan.trip(*args, unit='fahrenheit')]", 1),
    (U, "[plan.trip(unit='fahrenheit', **rest)]", 0),
    (U, "[plan.trip(unit='kelvin', unit='fahrenheit')]", 1),
    (U, "[plan.trip(unit='fahrenheit', unit='kelvin')]", 0),
    (U, "[plan.trip(unit='fahrenheit', days=7)]", 0),
    (U, "[plan.trip()]", 0),
    (U, "[trip(unit='fahrenheit')]", 0),
    (U, "[plan.trip(unit='fahrenheit'), plan.trip(unit='fahrenheit')]", 0),
    (U, "[plan.trip(unit='fahrenheit')][0]", 0),
    (MAYBE, "[plan.trip(unit='', names=[])]", 1),
    (MAYBE, "[plan.trip(unit='kelvin', days=10)]", 1),
    (MAYBE, "[plan.trip(unit='kelvin', days='')]", 0),
    (MAYBE, "[plan.trip(days=10)]", 0),
    (MAYBE, "[plan.trip(unit='kelvin', days=7)]", 0),
    # Numbers and sums.
    (DAYS, "[plan.trip(unit='fahrenheit', days=2 * 5)]", 1),
    (DAYS, "[plan.trip(unit='fahrenheit', days=10 ** 1)]", 1),
    (DAYS, "[plan.trip(unit='fahrenheit', days=20 / 2)]", 0),
    (DAYS, "[plan.trip(unit='fahrenheit', days=10 / 0)]", 0),
    (DAYS, "[plan.trip(unit='fahrenheit', days=x + 10)]", 0),
    (DAYS, "[plan.trip(unit='fahrenheit', days=10 if x else 9)]", 0),
    (DAYS, "[plan.trip(unit='fahrenheit', days=1_0)]", 1),
    (DAYS, "[plan.trip(unit='fahrenheit', days=10.0)]", 0),
    (DAYS, "[plan.trip(unit='fahrenheit', days='10')]", 0),
    (DAYS, "[plan.trip(unit='fahrenheit')]", 0),
    (PRICE, "[plan.trip(unit='fahrenheit', price=5)]", 1),
    (PRICE, "[plan.trip(unit='fahrenheit', price=10 * 0.5)]", 1),
    (FAST, "[plan.trip(unit='fahrenheit', fast=true)]", 0),
    (FAST, "[plan.trip(unit='fahrenheit', fast=1)]", 0),
    # Values inside values.
    (POINTS, "[plan.trip(unit='fahrenheit', points=[1.0, 5 / 2])]", 1),
    (POINTS, "[plan.trip(unit='fahrenheit', points=[1.0] + [2.5])]", 1),
    (POINTS, "[plan.trip(unit='fahrenheit', points=[1, 2.5])]", 0),
    (POINTS, "[plan.trip(unit='fahrenheit', points=(1.0, 2.5))]", 0),
    (PLACE, "[plan.trip(unit='fahrenheit', place=(1.0, 2.5))]", 1),
    (NAMES, "[plan.trip(unit='fahrenheit', names=['new-york', Bonn])]", 1),
    (NAMES, "[plan.trip(unit='fahrenheit', names=['Bonn', 'New York'])]", 0),
    (NAMES, "[plan.trip(unit='fahrenheit', names=[*all])]", 0),
    (BOX, "[plan.trip(unit='fahrenheit', box={'w': 1, 'who': 'ann'})]", 1),
    (BOX, "[plan.trip(unit='fahrenheit', box={w: True, 'who': ''})]", 1),
    (BOX, "[plan.trip(unit='fahrenheit', box={'w': 1, 'x': 2})]", 0),
    (BOX, "[plan.trip(unit='fahrenheit', box=dict(w=1))]", 0),
    (STEPS, "[plan.trip(unit='fahrenheit', steps=[{'do': 'go'}, {'do': 'stop'}])]", 1),
    (STEPS, "[plan.trip(unit='fahrenheit', steps=[{'do': 'go'}])]", 0),
    (NOTE, "[plan.trip(unit='fahrenheit', note=5)]", 1),
    (NOTE, "[plan.trip(unit='fahrenheit', note='5')]", 0),
]  # fmt: skip


@pytest.mark.parametrize(("row", "answer", "acc"), AS_ITS_CHECKER)
def test_an_answer_is_held_against_the_listed_values_as_bfcl_does(
    row: str, answer: str, acc: int
) -> None:
    assert compute_score("demo", T + answer, row, {"tools": SHAPES})["acc"] == acc


AS_ITS_DECODER = [
    ("--1", 0),
    ("-x", 0),
    ("-'x'", 0),
    ("[x, *y]", 0),
    ("{**x}", 0),
    ("{x, y}", 0),
    ("f'x'", 0),
    ("x.y", 0),
    ("x + 1", 0),
    ("1 / 0", 0),
    ("'x' + 1", 0),
    ("{[1]: 2}", 0),
    ("{[1]: 2} | {}", 0),
    ("'%d' % 'x'", 0),
    ("x if y else z", 0),
    ("[i for i in x]", 0),
    ("lambda: 1", 0),
    ("+1", 1),
    ("~1.5", 1),
    ("not True", 1),
    ("...", 1),
    ("1j", 1),
    ("b'x'", 1),
    ("{x: y}", 1),
    ("x[0]", 1),
    ("g(h(1), i=2)", 1),
    ("len(x) + 1", 1),
    ("'%s' % 1", 1),
    ("[0.02] * 25", 1),
    ("10 ** 3000000 * 7", 1),
    ("1 << 10 ** 9", 1),
    ("'x' * 10 ** 9", 1),
    ("'%1000000000d' % 1", 1),
    ("[[[[[1] * 500] * 500] * 500] * 500] * 500", 1),
    ("[[['x' * 500] * 500] * 500]", 1),
    ("'%s' % ([['x'] * 500] * 500)", 1),
    ("'%s%s' % (('x' * 500,) * 2)", 1),
    ("'%s' * 500 % ((('x' * 500) + ('x' * 500),) * 500)", 1),
    ("0x" + "f" * 3_000, 1),
    ("1e999", 1),
    ("[" * 150 + "]" * 150, 1),
    ("{1: 2, None: 3, (1,): 4}", 1),
]


@pytest.mark.parametrize(("value", "is_call"), AS_ITS_DECODER)
def test_what_its_decoder_cannot_read_is_no_call_and_decides_irrelevance(
    value: str, is_call: int
) -> None:
    response = f"{T}[plan.trip(unit={value})]"
    assert compute_score("demo", response, NONE, {"tools": SHAPES})["acc"] == 1 - is_call
    assert compute_score("demo", response, ANY, {"tools": SHAPES})["acc"] == is_call
    for row in (U, DAYS, BOX, NAMES):
        for name in ("unit", "days", "price", "fast", "points", "place", "box", "steps", "note"):
            wrong = f"{T}[plan.trip({name}={value})]"
            assert compute_score("demo", wrong, row, {"tools": SHAPES})["acc"] == 0


def test_its_bugs_are_not_ours() -> None:
    """It reads `+10` as -10, `not True` as -1, and gives sums to `eval`."""
    minus, one = listed(days=[-10]), listed(days=[-1])
    for row, value, acc in [
        (DAYS, "+10", 1),
        (minus, "+10", 0),
        (minus, "-10", 1),
        (one, "not True", 0),
        (one, "~1", 0),
        (DAYS, "len('x' * 9) + 1", 0),
    ]:
        answer = f"[plan.trip(unit='fahrenheit', days={value})]"
        assert compute_score("demo", T + answer, row, {"tools": SHAPES})["acc"] == acc


def test_each_listed_call_takes_the_first_that_serves() -> None:
    calls = [
        {"name": "f", "arguments": {"b": ["x", "y"]}, "omissible": []},
        {"name": "f", "arguments": {"b": ["x"]}, "omissible": []},
    ]
    row = json.dumps({"calls": calls, "alternatives": True, "rules": "bfcl"})
    for answer, acc in (("[f(b='y'), f(b='x')]", 1), ("[f(b='x'), f(b='y')]", 0)):
        assert compute_score("demo", T + answer, row, {"tools": TOOLS})["acc"] == acc


@pytest.mark.parametrize("tools", [None, TOOLS, '[{"name": "g"}]', '[{"name": "f"}]'])
def test_a_row_without_types_is_judged_by_its_listed_values(tools: str | None) -> None:
    info = {} if tools is None else {"tools": tools}
    assert compute_score("demo", T + RIGHT, ONE, info)["acc"] == 1
    assert compute_score("demo", f"{T}[f(a=2, b='New York')]", ONE, info)["acc"] == 0


@pytest.mark.parametrize(
    "inside",
    [
        "-" * 3_900 + "1",
        "b" + ".c" * 1_900,
        "(" * 190 + "1" + ")" * 190,
        "1**" * 1_200 + "1",
        "\ud800",
    ],
)
def test_what_python_cannot_read_never_raises(inside: str) -> None:
    for row in (NONE, ANY, ONE):
        assert compute_score("demo", f"{T}[f(1, {inside})]", row)["score"] in (0.0, 1.0)


@pytest.mark.parametrize("value", ["{None: 1}", "{1: {2: 'x'}}", "[{(1, 2): 3}]"])
def test_keys_that_are_no_texts_are_judged(value: str) -> None:
    truth = json.dumps(
        {"calls": [{"name": "f", "arguments": {"a": [1]}}], "alternatives": True, "rules": "bfcl"}
    )
    tools = '[{"name": "f", "parameters": {"a": {"type": "integer"}}}]'
    result = compute_score("demo", f"<think>x</think>[f(a={value})]", truth, {"tools": tools})
    assert result["score"] == 0.0
