"""OpenAI's chat format, for everybody else's data: messages with tool calls, and tools."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from egpo_verl.calls import ToolSet, contains_call
from egpo_verl.calls.call import Call
from egpo_verl.datasets.adapters.dialogue import (
    ROLES,
    Turn,
    only_calls,
    samples_of,
    without_thought,
)
from egpo_verl.datasets.adapters.parts import call_from, loaded, present, tools_from
from egpo_verl.datasets.checks.repair import BOOLEANS
from egpo_verl.datasets.reading.json_text import json_text
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.source import Row, Source
from egpo_verl.datasets.tools.dialects import inner, name_of
from egpo_verl.datasets.unusable import Unusable

TEXT = ("text", "input_text", "output_text")
THOUGHT = ("reasoning", "thinking")
CALL = "tool_call"
MEDIA = ("image", "images", "video", "videos", "audio", "audios")
"""Columns of rows whose texts are not all that is asked."""


def convert(row: Row) -> Iterator[Sample | Unusable]:
    """One sample per turn of the assistant; one of `weight` 0 is history only."""
    for column in MEDIA:
        if row.get(column):
            raise Unusable("unsupported_content", f"column {column}")
    messages = loaded(row["messages"], "bad_dialogue")
    if not isinstance(messages, list):
        raise Unusable("bad_dialogue", f"messages are no list: {str(messages)[:60]}")
    turns = list(map(_turn, messages))
    tools = tools_from(row.get("tools") or row.get("functions") or [])
    for sample in samples_of("openai", tools, turns, present(row, "id")):
        yield _without_written_call(sample, turns) if isinstance(sample, Sample) else sample


def _without_written_call(sample: Sample, turns: list[Turn]) -> Sample | Unusable:
    """The sample; `Unusable` where its answer is words that the reward takes for a call."""
    number = sample.extra["turn"]
    words = without_thought(turns[number].text)
    if sample.calls or not contains_call(words, _offered(sample)):
        return sample
    return Unusable("written_call", words[:60], {"turn": number})


def _offered(sample: Sample) -> ToolSet:
    return ToolSet({name_of(tool): inner(tool) for tool in sample.tools})


def _turn(message: Any) -> Turn:
    if not isinstance(message, Mapping):
        raise Unusable("bad_dialogue", f"not a message: {str(message)[:60]}")
    if message.get("role") not in ROLES:
        raise Unusable("bad_dialogue", f"the role {str(message.get('role'))[:60]!r} is unknown")
    role, target = ROLES[message["role"]], _weight(message.get("weight")) != 0
    try:
        parts = _parts(message.get("content"))
        text = "\n".join(text for kind, text in parts if kind in TEXT)
        if message["role"] == "function_call":
            return Turn(role, *only_calls(text), target=target)
        return Turn(role, text, tuple(_calls(message, parts)), target=target)
    except Unusable as problem:
        return Turn(role, "", problem=problem, target=target)


def _weight(weight: Any) -> float:
    """A weight as a number, 1 where there is none; raises `Unusable` where it is neither."""
    if weight is None:
        return 1.0
    try:
        number = float(BOOLEANS.get(weight.strip(), weight) if isinstance(weight, str) else weight)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        text = f"the weight {str(weight)[:60]!r} of a message is no number"
        raise Unusable("bad_dialogue", text)
    return number


def _parts(content: Any) -> list[tuple[str, str]]:
    """The kinds and texts of a message's parts; raises `Unusable` for kinds that are no text."""
    if content is None or isinstance(content, str):
        return [("text", content or "")]
    if not isinstance(content, list):
        return [("text", json_text(content))]
    parts = [{"type": "text", "text": part} if isinstance(part, str) else part for part in content]
    for part in parts:
        kind = part.get("type") if isinstance(part, Mapping) else type(part).__name__
        if kind not in (*TEXT, *THOUGHT, CALL):
            raise Unusable("unsupported_content", str(kind)[:60])
    return [(part["type"], _text(part)) for part in parts]


def _text(part: Mapping[str, Any]) -> str:
    """Under `text` or `value`; parquet fills the other one with null."""
    text = part.get("text")
    return str(part.get("value") or "") if text is None else str(text)


def _calls(message: Mapping[str, Any], parts: list[tuple[str, str]]) -> Iterator[Call]:
    """Calls as `tool_calls`, as the older `function_call`, or as parts of the content."""
    calls = message.get("tool_calls") or []
    calls = loaded(calls, "bad_calls") or []
    if not isinstance(calls, list):
        raise Unusable("bad_calls", f"tool_calls are no list: {str(calls)[:60]}")
    for item in calls:
        yield call_from(inner(item) if isinstance(item, Mapping) else item)
    if message.get("function_call"):
        yield call_from(loaded(message["function_call"], "bad_calls"))
    for kind, text in parts:
        if kind == CALL:
            yield call_from(loaded(text, "bad_calls"))


EXAMPLE = """\
{"messages": [
   {"role": "user", "content": "Weather in Paris for 3 days?"},
   {"role": "assistant", "tool_calls": [{"type": "function", "function":
      {"name": "weather", "arguments": "{\\"city\\": \\"Paris\\", \\"days\\": 3}"}}]}],
 "tools": [{"type": "function", "function": {"name": "weather", "description": "The weather.",
    "parameters": {"type": "object", "required": ["city"],
                   "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}}}]}"""


def _roles() -> str:
    names: dict[str, list[str]] = {}
    for name, role in ROLES.items():
        names.setdefault(role, []).append(name)
    return "\n  ".join(f"{role:10} {', '.join(aliases)}" for role, aliases in names.items())


SOURCE = Source(
    name="openai",
    title="messages and tools in OpenAI's chat format: your own data",
    licence="yours",
    size="any number of",
    home="platform.openai.com/docs/guides/function-calling",
    columns=(("messages", "tools"), ("messages", "functions")),
    nullable=("tools", "functions"),
    convert=convert,
    notes=f"""\
One row on one line of a file, such as (wrapped here)

{EXAMPLE}

Roles, by what they mean to a model:
  {_roles()}

Every turn of the assistant becomes a row, with the turns before it in its prompt: its tool_calls
are the reference, words alone say that no tool fits. A turn with "weight": 0 is history only, be
it written 0, "0" or false; a weight that is no number drops its row.

The messages of a tau2-bench simulation serve as they are, with the agent's tools beside them; a
call of the user's own stands in the history as the user's words.""",
)
