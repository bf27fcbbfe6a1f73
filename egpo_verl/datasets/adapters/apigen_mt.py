"""APIGen-MT: long dialogues with a policy in the system text."""

from __future__ import annotations

from collections.abc import Iterator

from egpo_verl.datasets.adapters.dialogue import Turn, only_words, samples_of, turns_of
from egpo_verl.datasets.adapters.parts import tools_from
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.source import Row, Source
from egpo_verl.datasets.unusable import Unusable


def convert(row: Row) -> Iterator[Sample | Unusable]:
    """One sample per turn of the assistant; the policy stays, below our system text."""
    system = [Turn("system", row["system"])] if row.get("system") else []
    turns = turns_of(row["conversations"], only_words)
    yield from samples_of("apigen_mt", tools_from(row["tools"]), [*system, *turns], {})


SOURCE = Source(
    name="apigen_mt",
    title="APIGen-MT, simulated retail and airline dialogues",
    licence="CC-BY-NC-4.0",
    size="5,000",
    home="Salesforce/APIGen-MT-5k",
    columns=(("conversations", "tools"),),
    convert=convert,
    on_hub=True,
)
