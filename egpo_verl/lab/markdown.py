"""Tables and figures of accuracies as the report writes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean, stdev

from egpo_verl.cli import LEFT, RIGHT, markdown_table
from egpo_verl.lab.statistics import Difference

NONE = "–"
"""In a cell that has no value."""


def markdown(columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: bool = True) -> str:
    """A table, of `numbers` but for the first column."""
    return "\n".join(markdown_table(columns, rows, RIGHT if numbers else LEFT))


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
