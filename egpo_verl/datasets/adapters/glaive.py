"""Glaive function calling v2, as its hub publishes it and as LLaMA-Factory does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from egpo_verl.calls.call import Call
from egpo_verl.datasets.adapters.dialogue import Turn, only_words, samples_of, turns_of
from egpo_verl.datasets.adapters.parts import call_from, present, tools_from
from egpo_verl.datasets.reading.literals import literal
from egpo_verl.datasets.sample import Sample, Tool
from egpo_verl.datasets.source import Row, Source
from egpo_verl.datasets.unusable import Unusable

SPEAKER = re.compile(r"^\s*(USER|ASSISTANT|FUNCTION RESPONSE):", re.MULTILINE)
ROLES = {"USER": "user", "ASSISTANT": "assistant", "FUNCTION RESPONSE": "tool"}
CALL = "<functioncall>"
END = "<|endoftext|>"
# Arguments are a JSON text in single quotes that are not escaped inside it.
QUOTED = re.compile(r"""("arguments"\s*:\s*)'(.*)'(\s*\})\s*$""", re.DOTALL)


def convert(row: Row) -> Iterator[Sample | Unusable]:
    """One sample per turn of the assistant."""
    if "conversations" in row:
        tools = tools_from(row["tools"] or "[]")
        turns = turns_of(row["conversations"], only_words)
    else:
        tools = tools_in(str(row["system"]))
        turns = turns_in(str(row["chat"]))
    yield from samples_of("glaive", tools, turns, present(row, "id"))


def tools_in(system: str) -> tuple[Tool, ...]:
    """JSON objects written one after another; none where the text has none."""
    decoder, tools, position = json.JSONDecoder(), [], system.find("{")
    while position >= 0:
        try:
            tool, end = decoder.raw_decode(system, position)
        except (ValueError, RecursionError) as error:
            raise Unusable("bad_tools", str(error)) from error
        tools.append(tool)
        position = system.find("{", end)
    return tools_from(tools)


def turns_in(chat: str) -> list[Turn]:
    """Turns of `USER: .. ASSISTANT: .. FUNCTION RESPONSE: ..`."""
    parts = SPEAKER.split(chat)[1:]
    return [_turn(ROLES[who], text) for who, text in zip(parts[::2], parts[1::2], strict=True)]


def _turn(role: str, text: str) -> Turn:
    text = text.replace(END, "").strip()
    if role != "assistant" or CALL not in text:
        return Turn(role, text)
    words, _, call = text.partition(CALL)
    try:
        return Turn(role, words.strip(), (_call(call.strip()),))
    except Unusable as problem:
        return Turn(role, text, problem=problem)


def _call(text: str) -> Call:
    quoted = QUOTED.search(text)
    if quoted:
        text = text[: quoted.start()] + quoted[1] + json.dumps(quoted[2]) + quoted[3]
    try:
        return call_from(literal(text))
    except ValueError as error:
        raise Unusable("bad_calls", str(error)) from error


SOURCE = Source(
    name="glaive",
    title="Glaive function calling v2, in the hub's form or LLaMA-Factory's",
    licence="Apache-2.0",
    size="112,960",
    home="glaiveai/glaive-function-calling-v2",
    columns=(("conversations", "tools"), ("system", "chat")),
    convert=convert,
    on_hub=True,
)
