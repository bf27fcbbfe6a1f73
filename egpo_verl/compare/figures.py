"""Numbers as the tables show them."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, isfinite, log10
from statistics import fmean, stdev


def figures(values: Sequence[float], sign: str = "") -> str:
    """Mean and, of several, standard deviation, with two or three digits of the mean."""
    mean = fmean(values)
    size = floor(log10(abs(mean))) if mean and isfinite(mean) else 0
    places = min(max(2 - size, 0), 3 if size >= -2 else 4)
    shown = f".{places}f" if size > -4 else ".1e"
    spread = f" ± {stdev(values):{shown}}" if len(values) > 1 else ""
    return f"{mean:{sign}{shown}}{spread}"
