"""What a model reads is built once: a row of training and a benchmark's question are alike."""

from __future__ import annotations

from typing import Any

import pytest

from egpo_verl.calls import FORMS, Call
from egpo_verl.datasets.parquet.rows import to_row
from egpo_verl.datasets.sample import Sample
from egpo_verl.evaluate.bfcl.prompts import Entry
from egpo_verl.evaluate.chat import build_chat
from egpo_verl.prompt import build_prompt, dataset_system_message, tools_json

TIDE = {"name": "tide", "description": "Höchste Flut.", "parameters": {"harbour": {"type": "str"}}}
MOON = {"type": "function", "function": {"name": "moon", "parameters": {"day": {"type": "int"}}}}
SYSTEM = {"role": "system", "content": "Today is Monday.\n"}
QUESTION = {"role": "user", "content": "High water in Vlissingen?"}
CALL = Call("tide", {"harbour": "Vlissingen"})
CALLED: dict[str, Any] = {"role": "assistant", "content": "", "calls": (CALL,)}
HEARD = {"role": "tool", "content": "14:05"}


@pytest.mark.parametrize("call_form", FORMS)
@pytest.mark.parametrize(
    "messages",
    [(QUESTION,), (SYSTEM, QUESTION), (SYSTEM, QUESTION, CALLED, HEARD), (QUESTION, SYSTEM, HEARD)],
)
def test_training_and_evaluation_show_the_same_prompt(
    messages: tuple[dict[str, Any], ...], call_form: str
) -> None:
    row = to_row(Sample("x", messages, (TIDE, MOON), (CALL,)), 0, call_form=call_form)
    assert row["prompt"] == build_prompt(messages, tools_json([TIDE, MOON]), call_form)
    assert row["prompt"] == list(build_chat("x", messages, (TIDE, MOON), call_form).messages)


@pytest.mark.parametrize("messages", [[QUESTION], [SYSTEM, QUESTION]])
def test_bfcl_asks_in_the_words_of_training(messages: list[dict[str, Any]]) -> None:
    row = to_row(Sample("bfcl", tuple(messages), (TIDE,), (CALL,)), 0)
    assert row["prompt"] == list(Entry("1", "simple", [messages], [TIDE]).chat("python").messages)


def test_an_earlier_call_that_the_form_cannot_spell_is_written_in_the_fallback_form() -> None:
    called = {"role": "assistant", "content": "", "calls": (Call("high water", {}),)}
    with pytest.raises(ValueError, match="high water"):
        build_prompt([QUESTION, called], "[]")
    prompt = build_prompt([QUESTION, called], "[]", fallback_form="json")
    assert prompt[2]["content"] == '[{"name": "high water", "arguments": {}}]'


def test_the_datasets_own_system_message_can_be_told_from_ours() -> None:
    tools = tools_json([TIDE])
    system = {"role": "system", "content": "\n\n Answer in Dutch."}
    assert (
        dataset_system_message(build_prompt([system, QUESTION], tools), tools, "python")
        == (system["content"])
    )
    assert dataset_system_message(build_prompt([QUESTION], tools), tools, "python") == ""
