"""FunReason-MT, its later name Open-Agentic-tool-use, and HardGen: dialogues with thoughts.

They are built on the environments of BFCL's multi-turn categories, so a model trained on them
meets those categories in-domain.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from egpo_verl.datasets.adapters.dialogue import samples_of, turns_of
from egpo_verl.datasets.adapters.parts import present, tools_from
from egpo_verl.datasets.adapters.tagged import read_tagged, tagged_tools
from egpo_verl.datasets.reading.files import Rows
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.source import Row, Source
from egpo_verl.datasets.unusable import Unusable


def convert(row: Row) -> Iterator[Sample | Unusable]:
    """One sample per turn of the assistant, thoughts left out; rows of failed tools are refused."""
    if row.get("error_tool_response"):
        raise Unusable("failed_tool", str(row.get("id", "")))
    turns = turns_of(_messages(row), read_tagged)
    system = "\n".join(turn.text for turn in turns if turn.role == "system")
    tools = tools_from(row["tools"]) if row.get("tools") else tagged_tools(system)
    dialogue = [turn for turn in turns if turn.role != "system"]
    yield from samples_of("funreason_mt", tools, dialogue, present(row, "id"))


def _messages(row: Row) -> Any:
    """The dialogue; a JSON file of bare lists reaches us, or the hub's viewer, column by column."""
    for name in ("conversations", "messages"):
        if row.get(name) is not None:
            return row[name]
    numbers = sorted((key for key in row if key.isdigit()), key=int)
    return [row[key] for key in numbers if row[key] is not None]


class ListedRows(Rows):
    """Rows of which each may be the bare list of its messages."""

    def rows_of(self, path: Path) -> Iterator[Any]:
        for row in super().rows_of(path):
            yield {"messages": row} if isinstance(row, list) else row


SOURCE = Source(
    name="funreason_mt",
    title="FunReason-MT and Open-Agentic-tool-use, on BFCL's multi-turn environments",
    licence="Apache-2.0",
    size="16,000",
    home="Bingguang/FunReason-MT",
    columns=(("conversations",), ("messages",), ("0", "1")),
    convert=convert,
    rows=ListedRows,
    on_hub=True,
)
