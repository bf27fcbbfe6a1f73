"""The statistics of a study: known tables, scipy, and what must hold of any numbers."""

from __future__ import annotations

import doctest
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from egpo_verl.lab import statistics
from egpo_verl.lab.statistics import (
    difference,
    holm,
    interval,
    seeds_each,
    seeds_for_significance,
    seeds_to_resolve,
    sign_flip_p,
    smallest_p,
    t_cdf,
    t_quantile,
)

VALUES = st.lists(st.floats(-1, 1).map(lambda value: round(value, 4)), min_size=2, max_size=7)


def test_the_examples_of_the_docstrings_hold() -> None:
    assert doctest.testmod(statistics).failed == 0


@pytest.mark.parametrize("freedom", range(1, 31))
def test_students_t_is_scipys(freedom: int) -> None:
    for share in (0.6, 0.975, 0.999):
        assert t_quantile(share, freedom) == pytest.approx(stats.t.ppf(share, freedom), rel=1e-8)
    for value in (-3.0, 0.0, 0.7, 12.0):
        assert t_cdf(value, freedom) == pytest.approx(stats.t.cdf(value, freedom), abs=1e-12)


@given(VALUES)
def test_the_sign_flip_test_is_scipys(values: list[float]) -> None:
    if any(values):
        expected = stats.permutation_test(
            (values,), fmean, permutation_type="samples", n_resamples=float("inf")
        )
        assert sign_flip_p(values) == pytest.approx(expected.pvalue)
    else:
        assert sign_flip_p(values) == 1


@given(VALUES, st.floats(-1, 1), st.floats(0.1, 10))
def test_an_interval_moves_with_its_values_and_holds_their_mean(
    values: list[float], shift: float, scale: float
) -> None:
    low, high = interval(values)
    assert min(values) - 1e-12 <= low <= fmean(values) <= high <= max(values) + 1e-12 or (
        low == pytest.approx(high)
    )
    moved = interval([scale * value + shift for value in values])
    assert moved == pytest.approx((scale * low + shift, scale * high + shift), abs=1e-9)


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    draws = stats.norm.rvs(size=(400, 6), random_state=1)
    covered = [low <= 0 <= high for low, high in (interval(list(draw)) for draw in draws[:100])]
    assert fmean(covered) >= 0.88


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_only_raises_and_keeps_the_order(ps: list[float]) -> None:
    adjusted = holm(ps)
    expected_first = min(1.0, len(ps) * min(ps))
    assert min(adjusted) == pytest.approx(expected_first)
    assert all(after >= before for before, after in zip(ps, adjusted, strict=True))
    pairs = sorted(zip(ps, adjusted, strict=True))
    assert [after for _, after in pairs] == sorted(adjusted)


@pytest.mark.parametrize(("spread", "size", "seeds"), [(1, 1, 10), (2, 1, 34), (0.02, 0.02, 10)])
def test_seeds_to_resolve_are_those_of_the_paired_t_test(
    spread: float, size: float, seeds: int
) -> None:
    assert seeds_to_resolve(spread, size) == seeds
    for number, enough in ((seeds, True), (seeds - 2, False)):
        freedom, centre = number - 1, size / spread * number**0.5
        power = stats.nct.sf(stats.t.ppf(0.975, freedom), freedom, centre)
        assert (power >= 0.79) == enough


@pytest.mark.parametrize(("spread", "size"), [(0.0226, 0.02), (1, 1), (0.5, 1)])
def test_seeds_each_are_those_of_the_t_test_of_two_groups(spread: float, size: float) -> None:
    seeds = seeds_each(spread, size)
    for number, enough in ((seeds, True), (seeds - 2, False)):
        freedom, centre = 2 * number - 2, size / spread * (number / 2) ** 0.5
        power = stats.nct.sf(stats.t.ppf(0.975, freedom), freedom, centre)
        assert (power >= 0.79) == enough


def test_few_seeds_cannot_be_significant_and_the_tool_says_how_many_can() -> None:
    assert [seeds_for_significance(arms) for arms in (1, 2, 5)] == [6, 7, 8]
    assert smallest_p(6) == sign_flip_p([0.1] * 6) == 2 / 64
    assert smallest_p(17) < 1e-4


def test_one_seed_has_a_difference_and_no_interval() -> None:
    one = difference([0.25])
    assert (one.mean, one.low, one.high, one.p, one.spread) == (0.25, None, None, 1.0, 0.0)
    with pytest.raises(ValueError, match="two values"):
        interval([0.25])


def test_many_seeds_are_resampled_the_same_way_each_time() -> None:
    values = [float(value) for value in stats.norm.rvs(0.5, size=20, random_state=3)]
    assert difference(values) == difference(values)
    assert sign_flip_p(values) < 0.2
