"""FunReason-MT and its later name, Open-Agentic-tool-use: long dialogues with thoughts.

They are built on the environments of BFCL's multi-turn categories, so a model trained on them
meets those categories in-domain.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from egpo_verl.datasets.adapters.dialogue import samples_of, turns_of
from egpo_verl.datasets.adapters.parts import known, tools_from
from egpo_verl.datasets.adapters.tagged import tagged_calls, tagged_tools, without_thought
from egpo_verl.datasets.errors import Unusable
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.source import Row, Source


def convert(row: Row) -> Iterator[Sample | Unusable]:
    """One sample per turn of the assistant, thoughts left out; rows of failed tools are refused."""
    if row.get("error_tool_response"):
        raise Unusable("failed_tool", str(row.get("id", "")))
    turns = turns_of(row.get("conversations", row.get("messages")), tagged_calls)
    system = "\n".join(turn.text for turn in turns if turn.role == "system")
    tools = tools_from(row["tools"]) if row.get("tools") else tagged_tools(system)
    said = [
        replace(turn, text=without_thought(turn.text)) for turn in turns if turn.role != "system"
    ]
    yield from samples_of("funreason_mt", tools, said, known(row, "id"))


SOURCE = Source(
    name="funreason_mt",
    title="FunReason-MT and Open-Agentic-tool-use, on BFCL's multi-turn environments",
    licence="Apache-2.0",
    size="16,000",
    home="Bingguang/FunReason-MT",
    columns=(("conversations",), ("messages",)),
    convert=convert,
    on_hub=True,
)
