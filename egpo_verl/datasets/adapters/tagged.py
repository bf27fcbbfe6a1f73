"""Qwen's layout: functions in `<tools>`, calls in `<tool_call>`, thoughts in `<think>`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from egpo_verl.calls.call import Call
from egpo_verl.calls.thought import after_thought
from egpo_verl.datasets.adapters.dialogue import without_thought
from egpo_verl.datasets.adapters.parts import call_from, loaded, tools_from
from egpo_verl.datasets.sample import Tool
from egpo_verl.datasets.unusable import Unusable

CALL = re.compile(r"<tool_call>(.*?)</tool_call>", re.DOTALL)
TOOLS = re.compile(r"<tools>(.*?)</tools>", re.DOTALL)


def tagged_calls(text: str) -> tuple[Call, ...]:
    """The calls between tags after the thought, one or a list in each; raises `Unusable`."""
    answer = after_thought(text)
    if answer.count("<tool_call>") != answer.count("</tool_call>"):
        raise Unusable("bad_calls", f"a tag is left open in {answer[:60]!r}")
    values = (loaded(inside.strip(), "bad_calls") for inside in CALL.findall(answer))
    return tuple(call_from(item) for value in values for item in _listed(value))


def read_tagged(text: str) -> tuple[str, tuple[Call, ...]]:
    """The words and the calls of an answer, its thought left out; raises `Unusable`."""
    return CALL.sub("", without_thought(text)).strip(), tagged_calls(text)


def tagged_tools(system: str) -> tuple[Tool, ...]:
    """The functions between the last pair of tags, a JSON list or one on each line.

    Instructions name the tags before they use them, which makes an earlier, empty pair.
    Raises `Unusable`; gives none where no pair holds any.
    """
    listings = [text.strip() for text in TOOLS.findall(system) if text.strip()]
    if not listings:
        return ()
    values = listings[-1:] if listings[-1].startswith("[") else listings[-1].splitlines()
    tools = (loaded(value, "bad_tools") for value in values if value.strip())
    return tools_from([tool for value in tools for tool in _listed(value)])


def _listed(value: Any) -> Iterator[Any]:
    yield from value if isinstance(value, list) else [value]
