"""Tool-N1's parquet: verl's columns, functions in the system text."""

from __future__ import annotations

from collections.abc import Iterator

from egpo_verl.calls.call import Call
from egpo_verl.datasets.adapters.dialogue import history_of, only_calls, turns_of
from egpo_verl.datasets.adapters.parts import calls_from, loaded, present
from egpo_verl.datasets.adapters.tagged import tagged_tools
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.source import Row, Source


def convert(row: Row) -> Iterator[Sample]:
    """One sample: the prompt's dialogue and the rule's ground truth."""
    turns = turns_of(row["prompt"], _read)
    system = "\n".join(turn.text for turn in turns if turn.role == "system")
    yield Sample(
        "tool_n1",
        history_of(turn for turn in turns if turn.role != "system"),
        tagged_tools(system),
        calls_from(row["reward_model"]["ground_truth"]),
        present(row.get("extra_info") or {}, "index"),
    )


def _read(text: str) -> tuple[str, tuple[Call, ...]]:
    """Calls of the history stand as a JSON list, which its scripts write as a JSON text again."""
    listed = text.strip()
    if listed.startswith('"[{'):
        listed = str(loaded(listed, "bad_calls"))
    return only_calls(listed) if listed.startswith("[{") else (text, ())


SOURCE = Source(
    name="tool_n1",
    title="Tool-N1's parquet, drawn from ToolACE and xLAM",
    licence="of ToolACE (Apache-2.0) and xLAM (CC-BY-4.0)",
    size="any number of",
    home="github.com/NVlabs/Tool-N1",
    columns=(("prompt", "reward_model"),),
    convert=convert,
)
