"""A row that says `"rules": "bfcl"` is judged as BFCL's scorer judges, whatever the template."""

from __future__ import annotations

import json

import pytest

from egpo_verl.calls import Call
from egpo_verl.calls.bfcl_rules import makes_a_call, read_as_bfcl
from egpo_verl.reward import Reason, compute_score

TOOLS = json.dumps([{"name": "f", "parameters": {"a": {"type": "int"}, "b": {"type": "str"}}}])
ONE = '{"calls": [{"name": "f", "arguments": {"a": [1, "1"], "b": ["New York"]}}], "rules": "bfcl"}'
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
    (ONE, f"{T}[f(a='1', b='New York')]", 1, 1, Reason.OK, 1),
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
    (NONE, f"{T}[f('x')]", 0, 1, Reason.CALL_NOT_WANTED, 0),
    (NONE, f"{T}[f(a=1 + 2)]", 0, 1, Reason.CALL_NOT_WANTED, 0),
    (NONE, f"{T}[f(a=b, c=[d], e={{'x': y}}, g=(1,))]", 0, 1, Reason.CALL_NOT_WANTED, 0),
    (NONE, f"{T}[f(a=+b, c=d[0], e=g(2), h=None, **i)]", 0, 1, Reason.CALL_NOT_WANTED, 0),
    (ANY, f"{T}{RIGHT}", 1, 1, Reason.OK, 1),
    (ANY, "g(b)", 1, 0, Reason.OK, 0),
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
    def verdict(listed: str) -> bool:
        return makes_a_call(*read_as_bfcl(listed))

    assert verdict(f"[f({'x' * 3_995})]")
    assert not verdict(f"[f({'x' * 3_996})]")
    assert read_as_bfcl("f()")[0].calls == (Call("f"),)


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
