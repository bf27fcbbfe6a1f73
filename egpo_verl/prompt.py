"""The system prompt: says what the paper says it must, in our words, in training and evaluation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache

from egpo_verl.datasets.sample import Tool

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

First reason inside <think></think>. Then, in the same reply, write the calls as {shape} \
and nothing else.
Every value must have the type that its function declares."""


def system_prompt(tools: Sequence[Tool], call_form: str = "python") -> str:
    """The system message for `tools`, asking for calls in `call_form` (a key of `ANSWER_SHAPE`)."""
    return system_prompt_of(json.dumps(list(tools), ensure_ascii=False), call_form)


def system_prompt_of(listing: str, call_form: str = "python") -> str:
    """`system_prompt` for functions that are a JSON list already."""
    before, after = _around_tools(call_form)
    return before + listing + after


@cache
def _around_tools(call_form: str) -> tuple[str, str]:
    before, _, after = TEMPLATE.replace("{shape}", ANSWER_SHAPE[call_form]).partition("{tools}")
    return before, after
