"""Dialogues and questions that say the same in another spelling: one to the split, one to keep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unicodedata import normalize

import pytest

Message = dict[str, Any]
Row = dict[str, Any]

TOOL = {
    "type": "function",
    "function": {
        "name": "mélange",
        "parameters": {
            "type": "object",
            "properties": {
                "n": {"type": "number"},
                "note": {"type": "string", "default": "näher"},
                "where": {
                    "type": "object",
                    "properties": {"x": {"type": "number"}, "y": {"type": "integer", "default": 4}},
                },
            },
        },
    },
}


def calling(*arguments: dict[str, Any]) -> Message:
    calls = [
        {"type": "function", "function": {"name": "mélange", "arguments": one}} for one in arguments
    ]
    return {"role": "assistant", "tool_calls": calls}


def dialogue(number: int, *calls: Message) -> Row:
    """A question, calls and their result, then a second question and its answer."""
    messages = [
        {"role": "user", "content": f"Où est le café {number}?\nRépondez!"},
        *calls,
        {"role": "tool", "content": f"résultat {number}"},
        {"role": "user", "content": f"Et après {number}?"},
        {"role": "assistant", "content": f"Je ne sais pas, {number}."},
    ]
    return {"messages": messages, "tools": [TOOL]}


def respelled(row: Row, spell: Callable[[str], str]) -> Row:
    """The row with each of its texts in another spelling."""

    def changed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: changed(item) for key, item in value.items()}
        if isinstance(value, list):
            return list(map(changed, value))
        return spell(value) if isinstance(value, str) else value

    changed_row: Row = changed(row)
    return changed_row


def in_one_spelling(number: int) -> Row:
    return dialogue(number, calling({"n": number, "where": {"x": 1}}))


def in_text(number: int) -> Row:
    return dialogue(number, calling({"n": number, "note": "à\nla\ncarte"}))


SPELLINGS: dict[str, tuple[Callable[[int], Row], Callable[[int], Row]]] = {
    "a whole number as a float": (
        in_one_spelling,
        lambda n: dialogue(n, calling({"n": float(n), "where": {"x": 1.0}})),
    ),
    "a default written out": (
        in_one_spelling,
        lambda n: dialogue(n, calling({"n": n, "note": "näher", "where": {"x": 1}})),
    ),
    "a default inside written out": (
        in_one_spelling,
        lambda n: dialogue(n, calling({"n": n, "where": {"y": 4, "x": 1}})),
    ),
    "a null for what is left out": (
        in_one_spelling,
        lambda n: dialogue(n, calling({"n": n, "note": None, "where": {"x": 1}})),
    ),
    "another kind of line end": (
        in_text,
        lambda n: respelled(in_text(n), lambda text: text.replace("\n", "\r\n")),
    ),
    "decomposed characters": (
        in_text,
        lambda n: respelled(in_text(n), lambda text: normalize("NFD", text)),
    ),
}


def once_per_turn(first: Row, later: Row) -> list[Row]:
    """The first turn in one spelling, the whole dialogue in another."""
    end = 1 + next(at for at, one in enumerate(first["messages"]) if one["role"] == "tool")
    return [{**first, "messages": first["messages"][: end - 1]}, later]


def numbers(rows: list[Row]) -> set[str]:
    return {row["prompt"][1]["content"].split("?")[0].split()[-1] for row in rows}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_dialogue_whose_later_row_spells_its_history_otherwise_stays_whole(
    convert: Callable[..., dict[str, list[Row]]], spelling: str
) -> None:
    one, other = SPELLINGS[spelling]
    rows = [row for n in range(2, 32) for row in once_per_turn(one(n), other(n))]
    files = convert(rows, "--split_by", "random", "--test_size", "0.3", "--keep_duplicates")
    assert len(numbers(files["test"])) > 5
    assert not numbers(files["train"]) & numbers(files["test"])


def test_parallel_calls_may_be_one_message_or_several(
    convert: Callable[..., dict[str, list[Row]]],
) -> None:
    rows = []
    for n in range(30):
        one, two = {"n": n}, {"n": n + 100}
        rows += once_per_turn(
            dialogue(n, calling(one, two)), dialogue(n, calling(one), calling(two))
        )
    files = convert(rows, "--split_by", "random", "--test_size", "0.3", "--keep_duplicates")
    assert len(numbers(files["test"])) > 5
    assert not numbers(files["train"]) & numbers(files["test"])


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_question_in_another_spelling_is_a_duplicate(
    convert: Callable[..., dict[str, list[Row]]], spelling: str
) -> None:
    one, other = SPELLINGS[spelling]
    rows = [row(n) for n in range(2, 5) for row in (one, other)]
    files = convert(rows, "--test_size", "0")
    assert len(files["train"]) == 6
    assert {row["extra_info"]["index"] for row in files["train"]} == {0, 2, 4}


def test_a_question_whose_calls_are_repaired_to_the_same_is_a_duplicate(
    convert: Callable[..., dict[str, list[Row]]],
) -> None:
    rows = [dialogue(n, calling({"n": value})) for n in range(3) for value in (n, str(n))]
    for row in rows:
        del row["messages"][2:]
    files = convert(rows, "--test_size", "0")
    assert {row["extra_info"]["index"] for row in files["train"]} == {0, 2, 4}


def test_other_values_are_other_dialogues(convert: Callable[..., dict[str, list[Row]]]) -> None:
    arguments = ({"n": 1}, {"n": 2}, {"n": 1, "note": "Näher"}, {"n": 1, "where": {"y": 5}})
    rows = [dialogue(7, calling(one)) for one in arguments]
    files = convert(rows, "--test_size", "0")
    assert len(files["train"]) == 2 * len(rows)
