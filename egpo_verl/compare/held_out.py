"""Validation: what a run earned on rows that it was not trained on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from egpo_verl.compare.runs import RunGroup

VALIDATION = re.compile(r"^val-core/(.+)/mean@\d+$")
"""verl's metric of a data source: `val-core/toolworld/reward/mean@1`."""


def source(metric: str) -> str | None:
    """`toolworld/reward`; None where the metric is no validation."""
    match = VALIDATION.match(metric)
    return match and match[1]


def validations(groups: Sequence[RunGroup]) -> dict[str, str]:
    """Title -> metric of every validation that some run logged, in the order of its log."""
    metrics: Iterable[str] = (name for group in groups for run in group.runs for name in run.values)
    sources = {metric: source(metric) for metric in metrics}
    return {f"held out: {name}": metric for metric, name in sources.items() if name}
