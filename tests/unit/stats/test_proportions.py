"""The score test against known values and statsmodels."""

import math

import numpy as np
import pytest
from statsmodels.stats.proportion import test_proportions_2indep as score_test

from abtest_lib.stats.proportions import (
    critical_value,
    has_enough_conversions,
    pair_information,
    score_statistic,
    two_sided_p_value,
)


def test_known_value() -> None:
    statistic = score_statistic(19, 53, 13, 47)
    assert float(two_sided_p_value(statistic)) == pytest.approx(0.3809096823, abs=1e-10)
    assert float(statistic) > 0


def test_against_statsmodels() -> None:
    rng = np.random.default_rng(1)
    users, control = rng.integers(20, 3000, (2, 50))
    x, x0 = rng.binomial(users, 0.1), rng.binomial(control, 0.12)
    mine = two_sided_p_value(score_statistic(x, users, x0, control))
    theirs = [
        score_test(*pair, method="score", compare="diff", correction=False).pvalue
        for pair in zip(x, users, x0, control, strict=True)
    ]
    np.testing.assert_allclose(mine, theirs, rtol=1e-9)


@pytest.mark.parametrize("counts", [(0, 10, 0, 20), (10, 10, 20, 20), (0, 0, 5, 20), (5, 20, 0, 0), (0, 0, 0, 0)])
def test_nothing_to_test_is_nan_without_a_warning(counts: tuple[int, int, int, int]) -> None:
    assert math.isnan(float(score_statistic(*counts)))


def test_information_in_events() -> None:
    # 1/n_h = 1/1000 + 1/3000 = 1/750; p = 80/4000 = 0.02; 750 · 0.02/0.98
    assert float(pair_information(20, 1000, 60, 3000)) == pytest.approx(750 * 0.02 / 0.98)
    assert pair_information([0, 0, 5], [10, 0, 5], [0, 5, 5], [10, 10, 5]).tolist() == [0.0, 0.0, math.inf]


@pytest.mark.parametrize(
    ("counts", "enough"),
    [((10, 100, 10, 100), True), ((9, 100, 10, 100), False), ((90, 100, 90, 100), True), ((95, 100, 95, 100), False)],
)
def test_gate_on_few_conversions(counts: tuple[int, int, int, int], enough: bool) -> None:  # noqa: FBT001  a parameter
    assert bool(has_enough_conversions(*counts)) is enough


def test_the_smaller_arm_counts() -> None:
    # pooled 1100/11000 = 0.1: the small arm expects 100, then 9
    assert bool(has_enough_conversions(100, 1000, 1000, 10_000))
    assert not bool(has_enough_conversions(9, 90, 1000, 10_000))


def test_critical_values() -> None:
    np.testing.assert_allclose(critical_value([0.05, 0.01]), [1.959963985, 2.575829304], atol=1e-9)
