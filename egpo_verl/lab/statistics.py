"""Statistics of few paired seeds, by the standard library alone.

Interval: bootstrap percentiles of the mean, set wider for few seeds (Hesterberg 2015, "expanded
percentile"). Test: exact sign flips. Several arms: Holm. Seeds: two-sided t-test at 5 % with a
power of 80 % (normal quantiles and Guenther's correction for the t-distribution).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from math import atan, ceil, comb, pi, sqrt
from random import Random
from statistics import NormalDist, fmean, stdev

LEVEL, POWER = 0.05, 0.80
RESAMPLES = 20_000
EXACT = 16
"""Pairs up to which all sign flips are tried; above, `RESAMPLES` random ones."""
NORMAL = NormalDist()


@dataclass(frozen=True)
class Difference:
    """An arm against the baseline, over seeds.

    Attributes:
        values: of each seed that both have.
        low: of the 95 % interval of the mean; None of fewer than two seeds.
        p: of the sign-flip test.
    """

    values: tuple[float, ...]
    mean: float
    low: float | None
    high: float | None
    p: float

    @property
    def spread(self) -> float:
        """Standard deviation over seeds; 0 of one."""
        return stdev(self.values) if len(self.values) > 1 else 0.0


def difference(values: Sequence[float]) -> Difference:
    """All figures of paired differences, of which there must be one."""
    low, high = interval(values) if len(values) > 1 else (None, None)
    return Difference(tuple(values), fmean(values), low, high, sign_flip_p(values))


def interval(values: Sequence[float], level: float = LEVEL) -> tuple[float, float]:
    """Bootstrap interval of the mean of two or more values; the same for the same values."""
    number = len(values)
    if number < 2:
        raise ValueError("an interval needs two values or more")
    tail = NORMAL.cdf(-sqrt(number / (number - 1)) * t_quantile(1 - level / 2, number - 1))
    means = sorted(_resampled_means(values))
    return _percentile(means, tail), _percentile(means, 1 - tail)


def _resampled_means(values: Sequence[float]) -> Iterable[float]:
    number = len(values)
    if number**number <= RESAMPLES:
        return (fmean(sample) for sample in product(values, repeat=number))
    random = Random(0)
    return (fmean(random.choices(values, k=number)) for _ in range(RESAMPLES))


def _percentile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def sign_flip_p(values: Sequence[float]) -> float:
    """Two-sided p of a mean of 0: the share of sign flips with a mean as far from 0.

    >>> sign_flip_p([1.0, 2.0, 3.0, 4.0, 5.0])
    0.0625
    """
    observed = abs(sum(values)) * (1 - 1e-12)
    if len(values) <= EXACT:
        signs: Iterable[Sequence[int]] = product((1, -1), repeat=len(values))
        total, start = 1 << len(values), 0
    else:
        random = Random(0)
        signs = (random.choices((1, -1), k=len(values)) for _ in range(RESAMPLES))
        total, start = RESAMPLES + 1, 1
    as_far = sum(
        abs(sum(s * v for s, v in zip(flips, values, strict=True))) >= observed for flips in signs
    )
    return (start + as_far) / total


def smallest_p(seeds: int) -> float:
    """What the test gives where all seeds agree in sign."""
    return 0.5 ** (seeds - 1) if seeds <= EXACT else 1 / (RESAMPLES + 1)


def seeds_for_significance(arms: int) -> int:
    """Seeds from which one of `arms` differences can be significant after Holm's correction."""
    seeds = 1
    while smallest_p(seeds) * arms > LEVEL:
        seeds += 1
    return seeds


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the order given.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    adjusted = [0.0] * len(ps)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=lambda place: ps[place])):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[place]))
        adjusted[place] = highest
    return adjusted


def seeds_to_resolve(spread: float, size: float) -> int:
    """Pairs with which a paired t-test finds a difference of `size`; `spread` of differences."""
    return _seeds((spread / size) ** 2, correction=2)


def seeds_each(spread: float, size: float) -> int:
    """Runs of each of two arms that share nothing with which a t-test finds a difference of `size`,
    given the spread of either arm."""
    return _seeds(2 * (spread / size) ** 2, correction=4)


def _seeds(variance: float, correction: int) -> int:
    """`variance` is that of the difference of one seed, in squares of what is to be found."""
    quantile = NORMAL.inv_cdf(1 - LEVEL / 2)
    needed = (quantile + NORMAL.inv_cdf(POWER)) ** 2 * variance + quantile**2 / correction
    return max(2, ceil(needed))


def t_quantile(share: float, freedom: int) -> float:
    """Quantile of Student's t above its median, by bisection."""
    low, high = 0.0, 1e6
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if t_cdf(middle, freedom) < share else (low, middle)
    return high


def t_cdf(value: float, freedom: int) -> float:
    """Student's t for whole degrees of freedom (Abramowitz and Stegun 26.7.3 and 26.7.4)."""
    angle = atan(value / sqrt(freedom))
    cosine2 = freedom / (freedom + value * value)
    sine = value / sqrt(freedom + value * value)
    if freedom % 2:
        term, total = sqrt(cosine2), 0.0
        for place in range(1, (freedom - 1) // 2 + 1):
            total += term
            term *= 2 * place / (2 * place + 1) * cosine2
        return 0.5 + (angle + sine * total) / pi
    total = sum(comb(2 * place, place) * (cosine2 / 4) ** place for place in range(freedom // 2))
    return 0.5 + sine * total / 2
