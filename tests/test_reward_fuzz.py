"""Any response at all gives the same numeric keys, whatever the row; no 1.0 comes by chance."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from egpo_verl.calls import FORMS, Call, render
from egpo_verl.reward import Reason, compute_score

TOOLS = json.dumps(
    [
        {"name": "f", "parameters": {"a": {"type": "int"}, "b": {"type": "str", "default": "x"}}},
        {"name": "g", "parameters": {"l": {"type": "List[float]"}}},
    ]
)
CALLS = [Call("f", {"a": 1, "b": "x"}), Call("g", {"l": [0.5]})]
ROWS = [
    json.dumps([{"name": call.name, "arguments": dict(call.arguments)} for call in CALLS]),
    "[]",
    '{"calls": [{"name": "f", "arguments": {"a": [1, 2]}}], "alternatives": true}',
]
TAGS = [
    "<think>",
    "</think>",
    "<think>t</think>",
    "<tool_call>",
    "</tool_call>",
    "<answer>",
    "</answer>",
]
PIECES = [
    *TAGS,
    "[",
    "]",
    "f(a=1)",
    "g(l=[0.5])",
    ", ",
    ")",
    "f(",
    "a=",
    "b='x'",
    "No.",
    "\n",
    "{",
    "}",
    '"name"',
]
KEYS = ["score", "acc", "format_ok", "parse_ok", "schema_ok", "match_ok", "num_calls", "reason"]
RESPONSES = st.text(max_size=60) | st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


@given(RESPONSES, st.sampled_from(ROWS), st.sampled_from(FORMS), st.booleans())
@settings(max_examples=3000)
def test_any_response_is_scored(response: str, row: str, form: str, opened: bool) -> None:
    info = {"tools": TOOLS, "call_form": form, "think_in_prompt": opened}
    result = compute_score("demo", response, row, info)
    assert list(result) == KEYS
    assert result["score"] in (0.0, 1.0)
    assert (result["score"] == 1.0) == (Reason(result["reason"]) is Reason.OK)
    stages = [result[name] for name in ("format_ok", "parse_ok", "schema_ok", "match_ok")]
    assert stages == sorted(stages, reverse=True)


NO_TAG = st.characters(exclude_characters="<")


@given(
    st.sampled_from(FORMS),
    st.permutations(CALLS),
    st.text(NO_TAG, max_size=20),
    st.text(NO_TAG, max_size=6),
)
@settings(max_examples=1500)
def test_only_blanks_may_stand_beside_the_right_calls(
    form: str, calls: list[Call], thought: str, beside: str
) -> None:
    info = {"tools": TOOLS, "call_form": form}
    right = f"<think>so {thought}</think>{render(calls, form)}"
    assert compute_score("demo", right, ROWS[0], info)["score"] == 1.0
    expected = float(not beside.strip(" \t\r\n"))
    for response in (
        f"{right}{beside}",
        f"{beside}{right}",
        right.replace("</think>", f"</think>{beside}"),
    ):
        assert compute_score("demo", response, ROWS[0], info)["score"] == expected


@given(st.sampled_from(FORMS), st.integers(0, 200), st.characters())
@settings(max_examples=1500)
def test_a_changed_character_never_earns_more_than_the_same_calls(
    form: str, at: int, character: str
) -> None:
    info = {"tools": TOOLS, "call_form": form}
    answer = render(CALLS, form)
    at %= len(answer)
    changed = answer[:at] + character + answer[at + 1 :]
    result = compute_score("demo", f"<think>so</think>{changed}", ROWS[0], info)
    harmless = " \t\r\n'\"" if form in ("python", "answer_tag") else " \t\r\n"
    if result["score"] == 1.0 and changed != answer:
        assert character in harmless or answer[at] in " \t\r\n"
