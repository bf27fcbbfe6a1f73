"""OpenAI's chat format, for everybody else's data: messages with tool calls, and tools."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from egpo_verl.calls.call import Call
from egpo_verl.datasets.adapters.dialogue import ROLES, Turn, samples_of
from egpo_verl.datasets.adapters.parts import call_from, loaded, present, tools_from
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.source import Row, Source
from egpo_verl.datasets.tools.dialects import inner
from egpo_verl.datasets.unusable import Unusable


def convert(row: Row) -> Iterator[Sample | Unusable]:
    """One sample per turn of the assistant; the last one is the reference of the last sample."""
    if not isinstance(row["messages"], list):
        raise Unusable("bad_dialogue", f"messages are no list: {str(row['messages'])[:60]}")
    turns = list(map(_turn, row["messages"]))
    yield from samples_of("openai", tools_from(row["tools"]), turns, present(row, "id"))


def _turn(message: Any) -> Turn:
    if not isinstance(message, Mapping) or message.get("role") not in ROLES:
        raise Unusable("bad_dialogue", f"not a message: {str(message)[:60]}")
    role = ROLES[message["role"]]
    content = message.get("content") or ""
    parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
    text = "\n".join(_parts(parts, "text"))
    try:
        return Turn(role, text, tuple(_calls(message, parts)))
    except Unusable as problem:
        return Turn(role, text, problem=problem)


def _calls(message: Mapping[str, Any], parts: list[Any]) -> Iterator[Call]:
    """Calls as `tool_calls`, as the older `function_call`, or as parts of the content."""
    for item in message.get("tool_calls") or ():
        yield call_from(inner(item))
    if message.get("function_call"):
        yield call_from(message["function_call"])
    for written in _parts(parts, "tool_call"):
        yield call_from(loaded(written, "bad_calls"))


def _parts(parts: list[Any], kind: str) -> Iterator[str]:
    """The texts of the content's parts of one type, under `text` or `value`."""
    for part in parts:
        if isinstance(part, Mapping) and part.get("type") == kind:
            yield str(part.get("text", part.get("value", "")))


SOURCE = Source(
    name="openai",
    title="messages and tools in OpenAI's chat format: your own data",
    licence="yours",
    size="any number of",
    home="platform.openai.com/docs/guides/function-calling",
    columns=(("messages", "tools"),),
    convert=convert,
)
