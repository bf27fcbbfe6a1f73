"""Tables and figures of accuracies as the report writes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean, stdev

from egpo_verl.lab.statistics import Difference

NONE = "–"
"""In a cell that has no value."""


def markdown(columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: bool = True) -> str:
    """A table, of `numbers` but for the first column; `|` in a cell is escaped."""
    lines = [columns, ["---", *["---:" if numbers else "---"] * (len(columns) - 1)], *rows]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines
    )


def percent(values: Sequence[float]) -> str:
    """Mean and standard deviation of accuracies."""
    if not values:
        return NONE
    deviation = f" ± {100 * stdev(values):.1f}" if len(values) > 1 else ""
    return f"{100 * fmean(values):.1f}{deviation} %"


def points(value: float) -> str:
    """A difference of accuracies in points."""
    return f"{100 * value:+.1f}"


def span(difference: Difference) -> str:
    """The interval of a difference in points."""
    if difference.low is None or difference.high is None:
        return NONE
    return f"{points(difference.low)} to {points(difference.high)}"
