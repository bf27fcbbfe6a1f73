"""Hermes function calling v1: calls in `<tool_call>` tags, in JSON or in Python's spelling."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from egpo_verl.datasets.adapters.dialogue import samples_of, turns_of
from egpo_verl.datasets.adapters.parts import present, tools_from
from egpo_verl.datasets.adapters.tagged import read_tagged, tagged_tools
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.source import Row, Source
from egpo_verl.datasets.unusable import Unusable

WRAPPING = re.compile(r"</?tool_response>")


def convert(row: Row) -> Iterator[Sample | Unusable]:
    """One sample per turn of the assistant; the system text repeats the functions, if nothing else.

    A row without the column `tools` has them there alone.
    """
    all_turns = turns_of(row["conversations"], read_tagged)
    turns = [
        replace(turn, text=WRAPPING.sub("", turn.text).strip())
        for turn in all_turns
        if turn.role != "system"
    ]
    system = "\n".join(turn.text for turn in all_turns if turn.role == "system")
    tools = tools_from(row["tools"]) if row.get("tools") else tagged_tools(system)
    extra = present(row, "id", "category", "subcategory", "task")
    yield from samples_of("hermes", tools, turns, extra)


SOURCE = Source(
    name="hermes",
    title="Hermes function calling v1, the function-calling configurations",
    licence="Apache-2.0",
    size="11,578",
    home="NousResearch/hermes-function-calling-v1",
    columns=(("conversations",),),
    convert=convert,
    on_hub=True,
)
