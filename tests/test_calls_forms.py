"""All forms: what is written is read back, one form is not another, JSON is read strictly."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egpo_verl.calls import FORMS, Call, Reason, contains_call, parse, render

JSON_FORMS = ("hermes", "llama", "json")
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(["</tool_call>", "</answer>", "<|python_tag|>", "; ", "]", "\\", "'\"'''"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def calls_with(names: st.SearchStrategy[str]) -> st.SearchStrategy[list[Call]]:
    return st.lists(st.builds(Call, names, st.dictionaries(names, VALUES, max_size=3)), max_size=3)


SPELLABLE = calls_with(st.sampled_from(["f", "get_weather", "größe", "_x1"]))
ANY_NAME = calls_with(st.text(min_size=1, max_size=12))


def plain(calls: Sequence[Call] | None) -> str:
    """As text that tells True from 1 and 1 from 1.0."""
    return repr([(call.name, dict(call.arguments)) for call in calls or ()])


@given(SPELLABLE)
@settings(max_examples=1500)
def test_every_form_reads_what_it_writes(calls: list[Call]) -> None:
    for form in FORMS:
        parsed = parse(render(calls, form), form)
        assert parsed.reason is None
        assert plain(parsed.calls) == plain(calls)


@given(ANY_NAME)
@settings(max_examples=1500)
def test_json_forms_carry_any_name(calls: list[Call]) -> None:
    for form in JSON_FORMS:
        assert plain(parse(render(calls, form), form).calls) == plain(calls)


@given(SPELLABLE.filter(bool))
@settings(max_examples=1000)
def test_calls_are_seen_in_whatever_form(calls: list[Call]) -> None:
    for form in FORMS:
        text = render(calls, form)
        assert contains_call(text)
        assert contains_call(f"Let me see. {text} There.")


@given(SPELLABLE.filter(bool))
@settings(max_examples=500)
def test_one_form_is_not_read_as_another(calls: list[Call]) -> None:
    for written in FORMS:
        text = render(calls, written)
        readers = [form for form in FORMS if parse(text, form).calls is not None]
        assert readers == [written]


CUT = st.tuples(SPELLABLE, st.integers(0, 400), st.integers(0, 400), st.text(max_size=4))


@given(CUT)
@settings(max_examples=2500)
def test_a_damaged_text_gives_calls_or_a_reason(cut: tuple[list[Call], int, int, str]) -> None:
    calls, start, end, patch = cut
    for form in FORMS:
        text = render(calls, form)
        damaged = text[:start] + patch + text[end:]
        for reader in FORMS:
            parsed = parse(damaged, reader)
            assert (parsed.calls is None) != (parsed.reason is None)
        assert contains_call(damaged) in (True, False)


PIECES = ["<tool_call>", "</tool_call>", "<answer>", "</answer>", "<|python_tag|>", ";", "[", "]"]
PIECES += ['{"name"', ': "f"', ', "arguments": {', ', "parameters": {', "}", "1e999", "\\u0061"]
MARKERS = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


@given(st.text(max_size=60) | MARKERS)
@settings(max_examples=3000)
def test_any_text_gives_calls_or_a_reason(text: str) -> None:
    for form in FORMS:
        parsed = parse(text, form)
        assert (parsed.calls is None) != (parsed.reason is None)


def test_json_forms_keep_their_letters() -> None:
    call = Call("größe", {"é": "日本"})
    assert render([call], "json") == '[{"name": "größe", "arguments": {"é": "日本"}}]'
    assert render([call], "llama") == '{"name": "größe", "parameters": {"é": "日本"}}'
    assert "日本" in render([call], "hermes")


F = '{"name": "f", "arguments": {}}'
L = '{"name": "f", "parameters": {}}'
READ = [
    ("json", "[]", 0),
    ("json", f" [ {F} ,\n{F} ] ", 2),
    ("hermes", "", 0),
    ("hermes", f"<tool_call>{F}</tool_call>", 1),
    ("hermes", f"\n<tool_call>\n{F}\n</tool_call>\n<tool_call> {F} </tool_call>\n", 2),
    ("hermes", '<tool_call>{"name": "f", "arguments": {"a": "</tool_call>"}}</tool_call>', 1),
    ("llama", "", 0),
    ("llama", L, 1),
    ("llama", f"<|python_tag|>{L}", 1),
    ("llama", f" <|python_tag|> {L} ; {L};{L} ", 3),
    ("answer_tag", "<answer>[]</answer>", 0),
    ("answer_tag", "\n<answer>\n[f(a='</answer>')]\n</answer> ", 1),
    ("json", json.dumps([{"name": "f", "arguments": {}}] * 64), 64),
]


@pytest.mark.parametrize(("form", "text", "count"), READ)
def test_reads(form: str, text: str, count: int) -> None:
    assert len(parse(text, form).calls or ()) == count
    assert parse(text, form).reason is None


def with_value(value: str) -> str:
    return f'[{{"name": "f", "arguments": {{"a": {value}}}}}]'


def deep(levels: int) -> str:
    return "[" * levels + "]" * levels


REFUSED = [
    ("json", "", Reason.NO_CALL_LIST),
    ("json", "None fits.", Reason.NO_CALL_LIST),
    ("json", F, Reason.NO_CALL_LIST),
    ("json", f"[{F}] [{F}]", Reason.TEXT_BESIDE_CALLS),
    ("json", f"[{F}", Reason.SYNTAX),
    ("json", f"[{F},]", Reason.SYNTAX),
    ("json", "[{'name': 'f', 'arguments': {}}]", Reason.SYNTAX),
    ("json", '[{"name": "f\n", "arguments": {}}]', Reason.SYNTAX),
    ("json", "[1]", Reason.BAD_SHAPE),
    ("json", "[null]", Reason.BAD_SHAPE),
    ("json", f"[{L}]", Reason.BAD_SHAPE),
    ("json", '[{"name": "f"}]', Reason.BAD_SHAPE),
    ("json", '[{"arguments": {}}]', Reason.BAD_SHAPE),
    ("json", '[{"name": "f", "arguments": {}, "id": 1}]', Reason.BAD_SHAPE),
    ("json", '[{"name": "f", "arguments": "{}"}]', Reason.BAD_SHAPE),
    ("json", '[{"name": "f", "arguments": []}]', Reason.BAD_SHAPE),
    ("json", '[{"name": 1, "arguments": {}}]', Reason.BAD_SHAPE),
    ("json", '[{"name": "", "arguments": {}}]', Reason.BAD_NAME),
    ("json", '[{"name": "f", "name": "g", "arguments": {}}]', Reason.DUPLICATE),
    ("json", '[{"name": "f", "arguments": {"a": 1, "a": 1}}]', Reason.DUPLICATE),
    ("json", '[{"name": "f", "arguments": {"a": {"b": 1, "\\u0062": 1}}}]', Reason.DUPLICATE),
    ("json", '[{"name": "f", "arguments": {"a": NaN}}]', Reason.BAD_NUMBER),
    ("json", '[{"name": "f", "arguments": {"a": -Infinity}}]', Reason.BAD_NUMBER),
    ("json", '[{"name": "f", "arguments": {"a": 1e999}}]', Reason.BAD_NUMBER),
    ("json", with_value("1" * 321), Reason.BAD_NUMBER),
    ("json", with_value("0." + "1" * 321), Reason.BAD_NUMBER),
    ("json", '[{"name": "f", "arguments": {"a": 01}}]', Reason.SYNTAX),
    ("json", with_value(deep(25)), Reason.TOO_DEEP),
    ("json", "[" * 4_000, Reason.TOO_DEEP),
    ("json", "[" * 5_000, Reason.TOO_MANY),
    ("json", json.dumps([{"name": "f", "arguments": {}}] * 65), Reason.TOO_MANY),
    ("json", f"[{F}]" + " " * 33_000, Reason.TOO_LONG),
    ("hermes", F, Reason.NO_CALL_LIST),
    ("hermes", "No.", Reason.NO_CALL_LIST),
    ("hermes", f"<tool_call>{F}</tool_call>.", Reason.TEXT_BESIDE_CALLS),
    ("hermes", f"<tool_call>{F}</tool_call>{F}", Reason.TEXT_BESIDE_CALLS),
    ("hermes", f"<tool_call>{F}", Reason.SYNTAX),
    ("hermes", f"<tool_call>{F}{F}</tool_call>", Reason.SYNTAX),
    ("hermes", "<tool_call></tool_call>", Reason.SYNTAX),
    ("hermes", f"<tool_call>[{F}]</tool_call>", Reason.BAD_SHAPE),
    ("hermes", f"<tool_call>{L}</tool_call>", Reason.BAD_SHAPE),
    ("hermes", f"<tool_call>{F}</tool_call>" * 65, Reason.TOO_MANY),
    ("llama", "No.", Reason.NO_CALL_LIST),
    ("llama", f"[{L}]", Reason.NO_CALL_LIST),
    ("llama", "<|python_tag|>", Reason.NO_CALL_LIST),
    ("llama", f"{L};", Reason.SYNTAX),
    ("llama", f"{L} {L}", Reason.TEXT_BESIDE_CALLS),
    ("llama", f"{L}, {L}", Reason.TEXT_BESIDE_CALLS),
    ("llama", F, Reason.BAD_SHAPE),
    ("llama", "{'name': 'f', 'parameters': {}}", Reason.SYNTAX),
    ("llama", ";".join([L] * 65), Reason.TOO_MANY),
    ("answer_tag", "[f()]", Reason.NO_CALL_LIST),
    ("answer_tag", "\xa0<answer>[f()]</answer>", Reason.NO_CALL_LIST),
    ("answer_tag", "<answer>[f()]</answer>\xa0", Reason.TEXT_BESIDE_CALLS),
    ("answer_tag", "<answer>f()</answer>", Reason.NO_CALL_LIST),
    ("answer_tag", "<answer>[f()]", Reason.SYNTAX),
    ("answer_tag", "<answer>[f()]</answer>.", Reason.TEXT_BESIDE_CALLS),
    ("answer_tag", "<answer>[f()]</answer><answer>[f()]</answer>", Reason.TEXT_BESIDE_CALLS),
    ("answer_tag", "<answer>", Reason.SYNTAX),
    ("answer_tag", "<answer></answer>", Reason.NO_CALL_LIST),
]


@pytest.mark.parametrize(("form", "text", "reason"), REFUSED)
def test_refuses(form: str, text: str, reason: Reason) -> None:
    parsed = parse(text, form)
    assert parsed.calls is None
    assert parsed.reason is reason


def test_bounds_of_json_are_inclusive() -> None:
    for value in ("1" * 320, "0." + "1" * 318, deep(24)):
        assert parse(with_value(value), "json").reason is None
    assert parse(f"<tool_call>{F}</tool_call>" * 64, "hermes").reason is None
    assert parse(";".join([L] * 64), "llama").reason is None
    assert parse(f"[{F}]" + " " * (32_768 - len(F) - 2), "json").reason is None


@pytest.mark.parametrize("form", JSON_FORMS)
def test_what_json_cannot_say_is_not_rendered(form: str) -> None:
    for call in (Call("f", {"a": float("nan")}), Call(""), Call("f", {"a": (1,)})):
        with pytest.raises(ValueError, match="cannot carry"):
            render([call], form)


class Alias(str):
    """A text that is written otherwise than it is, as the members of some enumerations are."""

    def __str__(self) -> str:
        return "other"

    __repr__ = __str__


@pytest.mark.parametrize("form", ["python", "answer_tag"])
@pytest.mark.parametrize(
    "call",
    [
        Call(Alias("paris")),
        Call("f", {Alias("paris"): 1}),
        Call("f", {"a": Alias("paris")}),
        Call("f", {"a": [Alias("paris")]}),
        Call(["f"]),  # type: ignore[arg-type]  # a reference that somebody's file spells so
        Call("f", {"class": 1}),
        Call("f", {"a": float("inf")}),
        Call("f", {"a": {1}}),
    ],
    ids=repr,
)
def test_what_python_would_read_otherwise_is_not_rendered(form: str, call: Call) -> None:
    with pytest.raises(ValueError, match="cannot carry"):
        render([call], form)


def test_bombs_in_threads_with_their_small_stacks() -> None:
    bombs = ["[" * 4_000, '{"a":' * 800, "[f(a=" + "[" * 4_000, "[f(a=" + "-" * 30_000]
    with ThreadPoolExecutor(4) as pool:
        for form in FORMS:
            assert all(r.calls is None for r in pool.map(lambda b, f=form: parse(b, f), bombs * 4))


TRACES = [
    "[f(a=1)]",
    "[f()]",
    "[ a.b(x",
    "f(a=1)",
    "Try f(a = 1).",
    "`f('x')`",
    "```python\nf('x')\n```",
    "f(1).",
    "f();",
    "python f(1)",
    "python\nf(1)",
    '{"name": "f", "arguments": {}}',
    "{'name': 'f', 'parameters': {}}",
    '"{\\"name\\": \\"f\\", \\"arguments\\": {}}"',
    '{"\\u006eame": "f", "\\u0061rguments": {}}',
    '{"api": "f", "parameters": {}}',
    '{"function": {"name": "f", "arguments": "{}"}}',
    "<tool_call>",
    "<TOOL_CALL>",
    "</tool_call>",
    "<|python_tag|>f",
    "[TOOL_CALLS] f",
    "<function=f>",
    "<functioncall>",
    "<function_call>",
    "<|tool_call|>",
    "<answer>[f()]</answer>",
]
PROSE = [
    "",
    "[]",
    "None of the functions can do this.",
    "The function f needs a city (which one?).",
    "I cannot (sorry).",
    "See [the docs](https://example.org/a?b=c).",
    "f(x) = 2x and x == 1",
    "if f(x == 1) holds",
    "[1, 2, 3] and {'a': 1}",
    '{"name": "Ann"} has no arguments',
    "Parameters: city. Name: weather.",
    "a = 1, b = (c = 2)",
    "<answer>None of them.</answer>",
    "get_weather() is one of them",
    "f(x) X",
]


@pytest.mark.parametrize("text", TRACES)
def test_an_attempt_at_a_call_is_seen(text: str) -> None:
    assert contains_call(text)
    assert contains_call(text.replace(" ", "\n"))


@pytest.mark.parametrize("text", PROSE)
def test_prose_is_not_taken_for_a_call(text: str) -> None:
    assert not contains_call(text)
