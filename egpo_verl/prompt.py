"""The prompt of a row: our system prompt, then the dialogue; one for training and evaluation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from egpo_verl.calls import render
from egpo_verl.calls.thought import THINK_CLOSE, THINK_OPEN

ANSWER_SHAPE = {
    "python": "[name(param=value, other=value), ...]",
    "answer_tag": "<answer>[name(param=value, other=value), ...]</answer>",
    "hermes": (
        '<tool_call>\n{"name": "name", "arguments": {"param": value}}\n</tool_call>, '
        "one block per call"
    ),
    "llama": '{"name": "name", "parameters": {"param": value}}, several separated by ;',
    "json": '[{"name": "name", "arguments": {"param": value}}, ...]',
}

TEMPLATE = """\
You answer questions by composing function calls. You are given a question and a list of functions.
If no function fits the question, or a required parameter is missing from it, say so \
in one sentence and call nothing.

Functions as a JSON list:
{tools}

First reason inside {tags}. Then, in the same reply, write the calls as {shape} \
and nothing else.
Every value must have the type that its function declares."""


def build_prompt(
    messages: Sequence[Mapping[str, Any]],
    tools: str,
    call_form: str = "python",
    fallback_form: str | None = None,
) -> list[dict[str, str]]:
    """The messages that a model is given, `{"role", "content"}` each, the system message first.

    It is the system prompt with the tools. A system message that the dialogue starts with follows
    below it, after an empty line.

    Args:
        messages: the dialogue, `{"role", "content"}` each; a turn of the assistant that called
            tools has them as `"calls"`, a tuple of `Call`, which follow its content on a new line.
        tools: the tools offered, as a JSON list.
        call_form: how calls are asked for and earlier calls are written, a key of `ANSWER_SHAPE`.
        fallback_form: how earlier calls are written that `call_form` cannot spell.

    Raises:
        ValueError: a form cannot spell an earlier call.
    """
    system = system_prompt_of(tools, call_form)
    dialogue = [
        {"role": str(message["role"]), "content": _content(message, call_form, fallback_form)}
        for message in messages
    ]
    if dialogue and dialogue[0]["role"] == "system":
        system = f"{system}\n\n{dialogue.pop(0)['content']}"
    return [{"role": "system", "content": system}, *dialogue]


def dataset_system_message(prompt: Sequence[Mapping[str, str]], tools: str, call_form: str) -> str:
    """What `build_prompt` put below the system prompt; empty where there was nothing."""
    ours = system_prompt_of(tools, call_form)
    return prompt[0]["content"].removeprefix(ours).removeprefix("\n\n")


def system_prompt(tools: Sequence[Mapping[str, Any]], call_form: str = "python") -> str:
    """The system message for `tools`, asking for calls in `call_form` (a key of `ANSWER_SHAPE`)."""
    return system_prompt_of(tools_json(tools), call_form)


def system_prompt_of(tools: str, call_form: str = "python") -> str:
    """`system_prompt` for tools that are a JSON list already."""
    before, after = _around_tools(call_form)
    return before + tools + after


def tools_json(tools: Sequence[Mapping[str, Any]]) -> str:
    """The tools as the JSON list that a prompt shows."""
    return json.dumps(list(tools), ensure_ascii=False)


def _content(message: Mapping[str, Any], call_form: str, fallback_form: str | None) -> str:
    calls, words = message.get("calls", ()), str(message["content"])
    if not calls:
        return words
    try:
        written = render(calls, call_form)
    except ValueError:
        if fallback_form is None:
            raise
        written = render(calls, fallback_form)
    return f"{words}\n{written}" if words else written


@cache
def _around_tools(call_form: str) -> tuple[str, str]:
    text = TEMPLATE.replace("{tags}", f"{THINK_OPEN}{THINK_CLOSE}")
    before, _, after = text.replace("{shape}", ANSWER_SHAPE[call_form]).partition("{tools}")
    return before, after
