"""Arms against the baseline over the seeds that both have, with Holm's correction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean, stdev

from egpo_verl.lab.evidence import Evidence
from egpo_verl.lab.measures import accuracy
from egpo_verl.lab.statistics import (
    LEVEL,
    Difference,
    difference,
    holm,
    seeds_for_significance,
    seeds_to_resolve,
)

POINTS = 0.02
"""Difference of accuracy that a study should resolve."""


@dataclass(frozen=True)
class Compared:
    """An arm against the baseline in the final accuracy of one part.

    Attributes:
        p: after Holm's correction.
        least: seeds below which the sign-flip test is never significant, after this correction.
    """

    arm: str
    difference: Difference
    p: float
    least: int

    def needed(self, size: float = POINTS) -> int:
        """Pairs of runs that would find a difference of `size`."""
        return max(self.least, seeds_to_resolve(self.difference.spread, size))

    @property
    def is_significant(self) -> bool:
        return self.p <= LEVEL


def accuracies(evidence: Evidence, arm: str, part: str) -> dict[int, float]:
    """Seed -> final accuracy of the finished runs of an arm."""
    values = {run.seed: accuracy(run.final, part) for run in evidence.of_arm(arm)}
    return {seed: value for seed, value in values.items() if value is not None}


def compared(evidence: Evidence, part: str) -> dict[str, Compared]:
    """Every arm that shares a seed with the baseline, by name; p after Holm's correction."""
    baseline = evidence.study["baseline"]
    base = accuracies(evidence, baseline, part)
    differences: dict[str, Difference] = {}
    for arm in evidence.study["arms"]:
        values = accuracies(evidence, arm, part)
        pairs = [values[seed] - base[seed] for seed in values if seed in base]
        if arm != baseline and pairs:
            differences[arm] = difference(pairs)
    adjusted = holm([one.p for one in differences.values()])
    least = seeds_for_significance(len(differences)) if differences else 0
    return {
        arm: Compared(arm, one, p, least)
        for (arm, one), p in zip(differences.items(), adjusted, strict=True)
    }


def spread(values: Mapping[int, float]) -> tuple[float, float] | None:
    """Mean and standard deviation over seeds; None of fewer than two."""
    if len(values) < 2:
        return None
    return fmean(values.values()), stdev(values.values())
