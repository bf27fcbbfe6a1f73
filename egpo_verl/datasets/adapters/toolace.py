"""ToolACE: dialogues whose calls stand in brackets, under names of any kind."""

from __future__ import annotations

import json
from collections.abc import Iterator

from egpo_verl.calls.call import Call
from egpo_verl.datasets.adapters.brackets import bracketed_calls, is_bracketed
from egpo_verl.datasets.adapters.dialogue import Turn, samples_of, turns_of
from egpo_verl.datasets.adapters.parts import present, tools_from
from egpo_verl.datasets.sample import Sample, Tool
from egpo_verl.datasets.source import Row, Source
from egpo_verl.datasets.tools.dialects import name_of
from egpo_verl.datasets.unusable import Unusable

TAIL = "NO other text MUST be included."
"""The end of the dataset's instructions; text after it belongs to the row."""


def convert(row: Row) -> Iterator[Sample | Unusable]:
    """One sample per turn of the assistant; the functions stand in the system text."""
    tools, row_text = _system(str(row["system"]))
    names = [name_of(tool) for tool in tools]

    def read(text: str) -> tuple[str, tuple[Call, ...]]:
        return ("", bracketed_calls(text, names)) if is_bracketed(text) else (text, ())

    turns = turns_of(row["conversations"], read)
    system = [Turn("system", row_text)] if row_text else []
    yield from samples_of("toolace", tools, [*system, *turns], present(row, "id"))


def _system(text: str) -> tuple[tuple[Tool, ...], str]:
    """The functions in the dataset's system text, and what it says beside its instructions."""
    start = text.find("[{")
    if start < 0:
        return (), ""
    try:
        tools, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError) as error:
        raise Unusable("bad_tools", str(error)) from error
    return tools_from(tools), text[end:].partition(TAIL)[2].strip()


SOURCE = Source(
    name="toolace",
    title="ToolACE, dialogues with calls in brackets",
    licence="Apache-2.0",
    size="11,300",
    home="Team-ACE/ToolACE",
    columns=(("system", "conversations"),),
    convert=convert,
    on_hub=True,
)
