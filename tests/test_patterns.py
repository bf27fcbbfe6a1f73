"""What thoughts do, by rule, held against labels that were set by hand before the rules."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from egpo_verl.calls import Call
from egpo_verl.cli import table
from egpo_verl.inspect.patterns import PATTERNS, patterns
from egpo_verl.inspect.response import Response
from egpo_verl.inspect.thoughts import patterns_of

LABELLED = Path(__file__).with_name("labelled_thoughts.jsonl")
FLOOR = 0.9
TOOLS = {"book": ("city", "nights"), "book_flight": ("origin_city",), "search": ()}


def rows() -> Iterator[dict[str, Any]]:
    return map(json.loads, LABELLED.read_text("utf-8").splitlines())


def response(text: str, extra_info: dict[str, Any], prompt: str = "") -> Response:
    return Response(
        step=1,
        group="a",
        key="a_0_0",
        source=None,
        ability=None,
        messages=[{"role": "user", "content": prompt}],
        text=text,
        ground_truth=None,
        extra_info=extra_info,
        score=0.0,
        reason=None,
    )


@pytest.mark.parametrize("part", ["seen", "held out", "later"])
def test_the_rules_agree_with_a_reader(part: str, capsys: pytest.CaptureFixture[str]) -> None:
    """How often, of thoughts `seen` while the rules were written, and of those `held out`.

    The `later` ones were written afterwards; docs/seeing.md has the agreement before the rules
    learnt from them.
    """
    pairs: dict[str, list[tuple[bool, bool]]] = {name: [] for name in PATTERNS}
    for row in rows():
        if row["part"] == part:
            shown = patterns_of(response(row["response"], {"tools": json.dumps(row["tools"])}))
            assert shown is not None
            for name, label in row["patterns"].items():
                assert (shown[name] is None) == (label is None), (name, row["response"])
                if label is not None:
                    pairs[name].append((label, bool(shown[name])))
    lines = []
    for name, both in pairs.items():
        agreement = sum(label == answer for label, answer in both) / len(both)
        there = [answer for label, answer in both if label]
        wrong = sum(answer and not label for label, answer in both)
        counts = map(str, (len(both), sum(there), len(there), wrong))
        lines.append([name, f"{agreement:.3f}", *counts])
        assert agreement >= FLOOR, name
    columns = ("pattern", "agreement", "thoughts", "found", "of", "wrongly")
    with capsys.disabled():
        Console(width=100).print(table(f"rules and labels, {part}", columns, lines))


def test_two_hundred_thoughts_of_three_styles_were_labelled_before_the_rules() -> None:
    before = [row for row in rows() if row["part"] != "later"]
    styles = Counter(row["style"] for row in before)
    assert styles == {"toolworld": 80, "long": 60, "short": 60}
    assert Counter(row["part"] for row in before) == {"seen": 100, "held out": 100}


# A thought, a value that a call gives, and whether the thought states it.
STATED: list[tuple[str, Any, bool]] = [
    ("It costs 1,000 dollars.", 1000, True),
    ("It costs 15 dollars.", 5, False),
    ("It costs 5.0 dollars.", 5, True),
    ("It costs 5.5 dollars.", 5, False),
    ("On 2024-05-03 at 5:30.", 5, False),
    ("Four of them.", 4, True),
    ("Twenty-two of them.", 22, True),
    ("Twenty-two of them.", 20, False),
    ("It is the one.", 1, False),
    ("要三份。", 3, True),
    ("三十份。", 3, False),
    ("Degrees: -3.", -3, True),
    ("Degrees: 3.", -3, False),
    ("Item x5.", 5, False),
    ("A bag of 5kg.", 5, True),
    ("The zip code is 02134.", "02134", True),
    ("It is new  york.", "New York", True),
    ("It is a living room.", "living_room", True),
    ("It is Newark.", "New", False),
    ("去北京南站。", "北京", True),
    ("Now sea is false.", False, True),
    ("Now sea is true.", False, False),
    ("By the sea, please.", True, True),
    ("By a lake.", True, False),
    ("A and B.", ["a", "b"], True),
    ("A only.", ["a", "b"], False),
    ("Oslo.", {"place": "Oslo", "note": ""}, True),
]


@pytest.mark.parametrize(("thought", "value", "answer"), STATED)
def test_values_are_found_by_value(thought: str, value: Any, answer: bool) -> None:
    assert patterns(thought, [Call("book", {"sea": value})], None)["states_values"] is answer


# A thought before book(city='Oslo', nights=2), and the patterns it shows.
SHOWN = {
    "I book Oslo for 2 nights.": {"names_tool", "states_values"},
    "I use book_flight.": set(),
    "Not search. Oslo.": {"rejects_tool"},
    "I search, not that it matters.": {"rejects_tool"},
    "That is not Oslo, so search.": set(),
    "Oslo. Let me double-check: Oslo.": {"checks_value"},
    "Let me check the city: Oslo.": set(),
    "3 nights. Wait, 2.": {"checks_value"},
    "2 nights. 5 - 3 = 2.": {"checks_value"},
    "2 nights. So nights = 2.": set(),
    "The nights are not given.": {"notices_missing"},
    "No nights are missing.": set(),
    "The origin city is unknown.": {"notices_missing"},
    "The stars are unknown.": set(),
    "I have to ask them.": {"notices_missing"},
    "I could ask how I can help.": set(),
}


@pytest.mark.parametrize("thought", SHOWN)
def test_each_rule(thought: str) -> None:
    shown = patterns(thought, [Call("book", {"city": "Oslo", "nights": 2})], TOOLS)
    assert {name for name, answer in shown.items() if answer} == SHOWN[thought]


CALL = "[book(city='Oslo', nights=2)]"
HERMES = '<tool_call>\n{"name": "book", "arguments": {"city": "Oslo", "nights": 2}}\n</tool_call>'
SPECS = [{"name": name, "description": ""} for name in TOOLS]
LINES = "\n".join(json.dumps({"type": "function", "function": spec}) for spec in SPECS)


@pytest.mark.parametrize(
    "text",
    [
        f"<think>Oslo, 2.</think>{CALL}",
        f"Oslo, 2.\n</think>\n\n{CALL}",
        f"<think>Oslo, 2.</think>Sure!\n{CALL}\nDone.",
        f"<think>Oslo, 2.</think>{CALL[1:-1]}",
        f"<think>Oslo, 2.</think>{HERMES}",
        f"<think>Oslo, 2.</think>Here:\n{HERMES}",
    ],
)
@pytest.mark.parametrize(
    "prompt",
    [
        "",
        f"Tools: none.\n<tools>\n{LINES}\n</tools> [",
        f"Tools:\n{json.dumps(SPECS)}",
        "\n\n".join(json.dumps(spec, indent=4) for spec in SPECS) + "\n{no JSON}",
    ],
)
def test_what_the_prompt_and_the_answer_say_is_read(text: str, prompt: str) -> None:
    known = False if prompt else None
    assert patterns_of(response(text, {}, prompt)) == {
        "names_tool": False,
        "rejects_tool": known,
        "states_values": True,
        "checks_value": False,
        "notices_missing": known,
    }


def test_of_several_turns_only_what_is_thought_counts() -> None:
    """A value that only an earlier call or a tool's answer holds is not stated."""
    first = "<think>First a search.</think>[search(q='Oslo')]\n<tool>Oslo, 2</tool>\n"
    last = f"<think>So I book.</think>{CALL}"
    shown = patterns_of(response(first + last, {"tools": json.dumps(SPECS)}))
    assert shown is not None
    assert (shown["names_tool"], shown["states_values"]) == (True, False)


def test_where_a_pattern_cannot_be_there_is_no_answer() -> None:
    shown = patterns_of(response("<think>Hm, no book.</think>No.", {"tools": json.dumps(SPECS)}))
    assert shown == dict.fromkeys(PATTERNS) | {"rejects_tool": True, "notices_missing": False}
    assert patterns_of(response(CALL, {})) is None
    cut = patterns_of(response("<think>[book(city='Oslo')]", {"tools": "no JSON"}))
    assert cut == dict.fromkeys(PATTERNS)


@given(st.text(), st.text(), st.sampled_from(["python", "hermes", "json", "klingon", 3]))
def test_every_response_has_an_answer(thought: str, answer: str, form: Any) -> None:
    text = f"<think>.{thought}</think>{answer}"
    shown = patterns_of(response(text, {"call_form": form}, thought))
    assert shown is None or set(shown) == set(PATTERNS)
