"""The table of patterns: how often thoughts show them, and the accuracy with and without."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table

from egpo_verl.compare.figures import figures
from egpo_verl.compare.group_table import group_table
from egpo_verl.compare.pattern_counts import (
    RESPONSES,
    THOUGHTS,
    WITH,
    WITHOUT,
    accuracy,
    counted,
    share,
    steps_of,
    total,
)
from egpo_verl.compare.runs import RunGroup
from egpo_verl.inspect.patterns import NEEDS_TOOLS, PATTERNS

COLUMNS = ("first", "last", "right with", "without", "thoughts")


def pattern_table(groups: Sequence[RunGroup], edge: int) -> Table:
    """Shares in the first and last `edge` steps, and accuracies in the last ones."""
    title = (
        f"share of thoughts in the first and in the last {edge} steps;\n"
        f"share of right responses with and without it in the last {edge}"
    )
    lines = (
        (words, group, list(_row(group, pattern, edge)))
        for pattern, words in PATTERNS.items()
        for group in groups
    )
    return group_table(title, COLUMNS, groups, lines, "the thought")


def _row(group: RunGroup, pattern: str, edge: int) -> Iterator[str]:
    steps = steps_of(group)
    width = min(edge, max(1, len(steps) // 2))
    last = steps[-width:]
    yield _figures([share(run, pattern, steps[:width]) for run in group.runs])
    yield _figures([share(run, pattern, last) for run in group.runs])
    for side in (WITH, WITHOUT):
        yield _figures([accuracy(run, pattern, side, last) for run in group.runs])
    numbers = (
        sum(total(run, [counted(pattern, side)], last) for run in group.runs)
        for side in (WITH, WITHOUT)
    )
    yield " / ".join(f"{number:,.0f}" for number in numbers)


def _figures(values: Sequence[float | None]) -> str:
    """Over the seeds that have an answer."""
    answers = [value for value in values if value is not None]
    return figures(answers) if answers else "–"


def left_out(group: RunGroup) -> Iterator[str]:
    """Sentences on the responses without a thought, and on patterns without an answer."""
    steps = steps_of(group)
    responses, thoughts = (
        sum(total(run, [name], steps) for run in group.runs) for name in (RESPONSES, THOUGHTS)
    )
    if thoughts < responses:
        without = responses - thoughts
        yield f"{group.name}: {without:,.0f} of {responses:,.0f} responses have no thought."
    names = [counted(pattern, side) for pattern in NEEDS_TOOLS for side in (WITH, WITHOUT)]
    if thoughts and not sum(total(run, names, steps) for run in group.runs):
        patterns = " or ".join(PATTERNS[pattern] for pattern in NEEDS_TOOLS)
        yield (
            f"{group.name}: whether a thought {patterns} has no answer, because neither the rows "
            "nor the prompts tell which tools were offered."
        )
