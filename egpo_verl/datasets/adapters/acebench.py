"""ACEBench's normal and special categories: for evaluation. Its agents are scored by running."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from egpo_verl.calls.call import Call
from egpo_verl.datasets.adapters.parts import tools_from
from egpo_verl.datasets.reading.answered import AnsweredRows
from egpo_verl.datasets.sample import Message, Sample, Tool
from egpo_verl.datasets.source import Row, Source
from egpo_verl.datasets.tools.dialects import name_of
from egpo_verl.datasets.unusable import Unusable

SPEAKER = re.compile(r"^(user|system):\s*", re.MULTILINE)
ROLES = {"user": "user", "system": "assistant"}
COUNTED = re.compile(r"_\d+$")
"""A function called twice stands in the answer as `name_1` and `name_2`."""


def convert(row: Row) -> Iterator[Sample]:
    """One sample; nothing is to be called in the special categories."""
    identity = str(row["id"])
    if identity.startswith("agent"):
        raise Unusable("unsupported", identity)
    tools = tools_from(row["function"])
    calls = () if identity.startswith("special") else _calls(row.get("ground_truth"), tools)
    extra = {"id": identity, "category": re.sub(r"(_\d+)+$", "", identity)}
    yield Sample("acebench", messages_of(row), tools, calls, extra)


def messages_of(row: Row) -> tuple[Message, ...]:
    """The context and the dialogue, as messages without our system prompt."""
    return (*_context(row), *_dialogue(str(row["question"])))


def _context(row: Row) -> Iterator[Message]:
    """The time or the user's profile, which some questions need."""
    context = [f"{key.capitalize()}: {row[key]}" for key in ("time", "profile") if row.get(key)]
    if context:
        yield {"role": "system", "content": "\n".join(context)}


def _dialogue(question: str) -> Iterator[Message]:
    parts = SPEAKER.split(question)[1:]
    for who, text in zip(parts[::2], parts[1::2], strict=True):
        yield {"role": ROLES[who], "content": text.strip()}


def _calls(truth: Any, tools: tuple[Tool, ...]) -> tuple[Call, ...]:
    if not isinstance(truth, dict) or not all(isinstance(one, dict) for one in truth.values()):
        raise Unusable("unsupported", f"not one answer: {str(truth)[:60]}")
    offered = {name_of(tool) for tool in tools}
    return tuple(
        Call(name if name in offered else COUNTED.sub("", name), arguments)
        for name, arguments in truth.items()
    )


SOURCE = Source(
    name="acebench",
    title="ACEBench, its normal and special categories",
    licence="MIT",
    size="2,040",
    home="github.com/ACEBench/ACEBench",
    columns=(("id", "question", "function"),),
    convert=convert,
    benchmark=True,
    rows=AnsweredRows,
)
