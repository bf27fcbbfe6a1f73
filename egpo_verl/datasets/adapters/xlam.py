"""xLAM: Salesforce's APIGen rows, and the sets published with the same columns."""

from __future__ import annotations

from collections.abc import Iterator

from egpo_verl.datasets.adapters.parts import calls_from, present, tools_from, user
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.source import Row, Source


def convert(row: Row) -> Iterator[Sample]:
    """One question, one answer; "[]" where no call is expected (xlam-irrelevance)."""
    yield Sample(
        source="xlam",
        messages=(user(row["query"]),),
        tools=tools_from(row["tools"]),
        calls=calls_from(row["answers"]),
        extra=present(row, "id", "origin", "source"),
    )


SOURCE = Source(
    name="xlam",
    title="xLAM function calling, one turn; also apigen-function-calling and xlam-irrelevance",
    licence="CC-BY-4.0",
    size="60,000",
    home="Salesforce/xlam-function-calling-60k",
    columns=(("query", "tools", "answers"),),
    convert=convert,
    on_hub=True,
)
