"""The report's table of demonstrations."""

from __future__ import annotations

from collections.abc import Mapping

from egpo_verl.datasets.demonstrations.files import PREFIX, Counts
from egpo_verl.datasets.demonstrations.reasons import REASONS
from egpo_verl.datasets.jobs.report import Section


def demonstrations_section(counts: Mapping[str, Counts]) -> Section:
    """How many rows of each file have a thought that leads to the reference, and why not all."""
    sources = sorted({source for file in counts.values() for source in file.thoughts})
    lines = [
        *(
            (f"thought by {source}", [file.thoughts[source] for file in counts.values()], "")
            for source in sources
        ),
        *(
            (f"left out: {reason}", [file.left_out[reason] for file in counts.values()], meaning)
            for reason, meaning in REASONS.items()
        ),
    ]
    shares = tuple(
        (
            label,
            *(of_total(n, file.rows) for n, file in zip(numbers, counts.values(), strict=True)),
            meaning,
        )
        for label, numbers, meaning in lines
        if any(numbers)
    )
    columns = ("rows", *(f"{PREFIX}{name}.parquet" for name in counts), "meaning")
    return Section("Demonstrations", columns, shares)


def of_total(number: int, total: int) -> str:
    """The number and its share."""
    return f"{number:,} ({number / (total or 1):.1%})"
