"""API-Bank's static test in ToolRL's layout: for evaluation."""

from __future__ import annotations

from collections.abc import Iterator

from egpo_verl.datasets.adapters.dialogue import history_of
from egpo_verl.datasets.adapters.parts import calls_from
from egpo_verl.datasets.adapters.rlla import tools_in, turns_in
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.source import Row, Source


def convert(row: Row) -> Iterator[Sample]:
    """One sample, which expects exactly one call."""
    messages = history_of(turns_in(str(row["user"])))
    extra = {"id": row["other"]} if row.get("other") else {}
    yield Sample(
        "api_bank_test", messages, tools_in(str(row["system"])), calls_from(row["answer"]), extra
    )


SOURCE = Source(
    name="api_bank_test",
    title="API-Bank, the static test of levels 1 to 3",
    licence="Apache-2.0",
    size="597",
    home="github.com/qiancheng0/ToolRL, benchmarks/API-Bank",
    columns=(("system", "user", "answer"),),
    convert=convert,
    benchmark=True,
)
