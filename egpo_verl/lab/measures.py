"""What is measured of a run, each a number or None where it has none."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean

from egpo_verl.lab.answers import Counts
from egpo_verl.lab.entropies import CALL, THOUGHT
from egpo_verl.lab.evidence import RunEvidence

VALIDATION = re.compile(r"val-(?:core|aux)/.+/acc/mean@\d+")
LAST = 0.1
"""Share of the steps, at the end, that a measure of training averages over."""
Measure = Callable[[RunEvidence], float | None]


def accuracy(counts: Iterable[Counts], part: str) -> float | None:
    """Share of right responses."""
    return share(counts, part, "right", "responses")


def passed(counts: Iterable[Counts], part: str) -> float | None:
    """Share of prompts with a right response among all of theirs: pass@k of k responses."""
    return share(counts, part, "passed", "prompts")


def share(counts: Iterable[Counts], part: str, of: str, whole: str) -> float | None:
    """Of all cells of a part."""
    cells = [cell for cell in counts if cell["part"] == part and of in cell]
    total = sum(cell[whole] for cell in cells)
    return sum(cell[of] for cell in cells) / total if total else None


def curve(run: RunEvidence) -> dict[int, float]:
    """Accuracy of the greedy validation by step, the mean over data sources."""
    metrics = [values for name, values in run.log.values.items() if VALIDATION.fullmatch(name)]
    steps = sorted({step for values in metrics for step in values})
    return {step: fmean(values[step] for values in metrics if step in values) for step in steps}


def steps_to(run: RunEvidence, level: float) -> float | None:
    """The first validated step with at least this accuracy."""
    return next((float(step) for step, value in curve(run).items() if value >= level), None)


def late(metric: str) -> Measure:
    """The mean of a logged metric over the last steps."""

    def mean(run: RunEvidence) -> float | None:
        values = run.log.series(metric)[1]
        return fmean(values[-max(1, round(LAST * len(values))) :]) if values else None

    return mean


def overall(metric: str) -> Measure:
    """The mean of a logged metric over all steps."""

    def mean(run: RunEvidence) -> float | None:
        values = run.log.series(metric)[1]
        return fmean(values) if values else None

    return mean


def measures(part: str, level: float, responses: int) -> dict[str, Measure]:
    """Column -> measure; `part` is the one that `pass@k` and the thoughts are read of."""
    return {
        f"pass@{responses}": lambda run: passed(run.final, part),
        f"steps to {level:.0%}": lambda run: steps_to(run, level),
        "entropy of thought": late(THOUGHT),
        "entropy of call": late(CALL),
        "KL": late("actor/kl_loss"),
        "length": late("response_length/mean"),
        "derives": lambda run: share(run.final, part, "derives", "responses"),
        "checks": lambda run: share(run.final, part, "checks", "responses"),
        "zero-var. groups": late("egpo/silent_group_frac"),
        "s/step": overall("timing_s/step"),
    }


def has_success(runs: Iterable[RunEvidence], part: str) -> bool:
    """Whether any response of any run to this part is right."""
    return any(accuracy(run.final, part) for run in runs)


def levels(runs: Sequence[RunEvidence]) -> list[tuple[str, ...]]:
    """The cells (part, level, kind, skill) of all runs, in the order of the first that has them."""
    keys = ("part", "level", "kind", "skill")
    cells = (tuple(str(cell[key]) for key in keys) for run in runs for cell in run.final)
    return list(dict.fromkeys(cells))


def cell_accuracy(run: RunEvidence, cell: tuple[str, ...]) -> float | None:
    """Share of right responses in one cell."""
    return accuracy(
        [
            one
            for one in run.final
            if (one["part"], one["level"], one["kind"], one["skill"]) == cell
        ],
        cell[0],
    )


def first_difference(run: RunEvidence, other: RunEvidence) -> int | None:
    """The first step at which two runs logged different numbers; None where there is none.

    Time is left out, and what only one of them logs.
    """
    shared = set(run.log.values) & set(other.log.values)
    steps = [
        step
        for metric in shared
        if not metric.startswith("timing")
        for step in set(run.log.values[metric]) | set(other.log.values[metric])
        if run.log.values[metric].get(step) != other.log.values[metric].get(step)
    ]
    return min(steps, default=None)
