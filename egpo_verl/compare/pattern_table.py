"""The table of patterns: how often thoughts show them, and the accuracy with and without."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table

from egpo_verl.compare.arm_table import arm_table
from egpo_verl.compare.figures import figures
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
from egpo_verl.compare.runs import Arm
from egpo_verl.inspect.patterns import NEEDS_TOOLS, PATTERNS

COLUMNS = ("first", "last", "right with", "without", "thoughts")


def pattern_table(arms: Sequence[Arm], edge: int) -> Table:
    """Shares in the first and last `edge` steps, and accuracies in the last ones."""
    title = (
        f"share of thoughts in the first and in the last {edge} steps;\n"
        f"share of right responses with and without it in the last {edge}"
    )
    lines = (
        (words, arm, list(_row(arm, pattern, edge)))
        for pattern, words in PATTERNS.items()
        for arm in arms
    )
    return arm_table(title, COLUMNS, arms, lines, "the thought")


def _row(arm: Arm, pattern: str, edge: int) -> Iterator[str]:
    steps = steps_of(arm)
    width = min(edge, max(1, len(steps) // 2))
    last = steps[-width:]
    yield _figures([share(run, pattern, steps[:width]) for run in arm.runs])
    yield _figures([share(run, pattern, last) for run in arm.runs])
    for side in (WITH, WITHOUT):
        yield _figures([accuracy(run, pattern, side, last) for run in arm.runs])
    numbers = (
        sum(total(run, [counted(pattern, side)], last) for run in arm.runs)
        for side in (WITH, WITHOUT)
    )
    yield " / ".join(f"{number:,.0f}" for number in numbers)


def _figures(values: Sequence[float | None]) -> str:
    """Over the seeds that have an answer."""
    answers = [value for value in values if value is not None]
    return figures(answers) if answers else "–"


def left_out(arm: Arm) -> Iterator[str]:
    """Sentences on the responses without a thought, and on patterns without an answer."""
    steps = steps_of(arm)
    responses, thoughts = (
        sum(total(run, [name], steps) for run in arm.runs) for name in (RESPONSES, THOUGHTS)
    )
    if thoughts < responses:
        without = responses - thoughts
        yield f"{arm.name}: {without:,.0f} of {responses:,.0f} responses have no thought."
    names = [counted(pattern, side) for pattern in NEEDS_TOOLS for side in (WITH, WITHOUT)]
    if thoughts and not sum(total(run, names, steps) for run in arm.runs):
        patterns = " or ".join(PATTERNS[pattern] for pattern in NEEDS_TOOLS)
        yield (
            f"{arm.name}: whether a thought {patterns} has no answer, because neither the rows nor "
            "the prompts tell which tools were offered."
        )
