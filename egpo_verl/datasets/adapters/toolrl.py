"""ToolRL: one row per turn, as instruction, input and output, or as verl's parquet of them."""

from __future__ import annotations

from collections.abc import Iterator

from egpo_verl.datasets.adapters.dialogue import history_of
from egpo_verl.datasets.adapters.parts import present
from egpo_verl.datasets.adapters.rlla import answer_in, tools_in, turns_in
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.source import Row, Source


def convert(row: Row) -> Iterator[Sample]:
    """One sample; the distilled thought of the output is left out."""
    if "instruction" not in row:
        row = row["extra_info"]
    system, history, output = (str(row[key]) for key in ("instruction", "input", "output"))
    yield Sample(
        "toolrl",
        history_of(turns_in(history)),
        tools_in(system),
        answer_in(output),
        present(row, "id", "index"),
    )


SOURCE = Source(
    name="toolrl",
    title="ToolRL (rlla), drawn from ToolACE, Hammer's masked xLAM and xLAM",
    licence="Apache-2.0, xLAM rows CC-BY-4.0",
    size="4,000",
    home="github.com/qiancheng0/ToolRL",
    columns=(("instruction", "input", "output"), ("prompt", "reward_model", "extra_info")),
    convert=convert,
)
