"""Chi-square tests against known values and scipy, and cases without a test."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from abtest_lib.stats.chi_square import balance, constancy, independence, sample_ratio


def test_sample_ratio_known_value() -> None:
    assert float(sample_ratio([500, 500, 600], [0.34, 0.33, 0.33]).p_value) == pytest.approx(0.000592638, abs=1e-9)


def test_independence_against_scipy() -> None:
    rng = np.random.default_rng(3)
    users = rng.integers(50, 5000, (40, 4))
    purchases = rng.binomial(users, 0.1)
    mine = independence(purchases, users)
    for row in range(40):
        table = [purchases[row], users[row] - purchases[row]]
        theirs = stats.chi2_contingency(table, correction=False)
        assert float(mine.statistic[row]) == pytest.approx(theirs.statistic)
        assert float(mine.p_value[row]) == pytest.approx(theirs.pvalue)
        assert mine.degrees[row] == theirs.dof == 3


def test_arms_without_users_are_left_out() -> None:
    with_gap, without = independence([30, 0, 45], [500, 0, 500]), independence([30, 45], [500, 500])
    assert with_gap.statistic == pytest.approx(without.statistic)
    assert with_gap.degrees == without.degrees == 1


@pytest.mark.parametrize(
    ("purchases", "users"), [([0, 0], [10, 20]), ([10, 20], [10, 20]), ([5, 0], [10, 0]), ([0, 0], [0, 0])]
)
def test_a_zero_row_or_column_is_skipped(purchases: list[int], users: list[int]) -> None:
    test = independence(purchases, users)
    assert np.isnan(test.statistic)
    assert np.isnan(test.p_value)
    assert test.degrees == 0


def test_sample_ratio_needs_ten_expected_users_an_arm() -> None:
    assert np.isnan(sample_ratio([100, 9], [0.91, 0.09]).p_value)  # expects 9.81
    assert not np.isnan(sample_ratio([100, 9], [0.90, 0.10]).p_value)  # expects 10.9
    assert np.isnan(sample_ratio([1000, 0], [1.0, 0.0]).p_value)


def test_a_declared_arm_without_users_is_a_mismatch() -> None:
    assert float(sample_ratio([500, 0], [0.5, 0.5]).p_value) < 1e-100


def test_balance_of_cross_exposed_users() -> None:
    uneven = balance([400, 600], [10_000, 10_000])
    # z = (0.06-0.04)/√(2·0.05·0.95/10000), squared
    assert float(uneven.statistic) == pytest.approx(0.02**2 / (2 * 0.05 * 0.95 / 10_000))
    assert np.isnan(balance([1, 2], [1000, 1000]).p_value)
    assert np.isnan(balance([0, 0], [0, 0]).p_value)


def test_constancy_is_the_homogeneity_test_of_days() -> None:
    days = np.array([[300, 310], [280, 295], [500, 520], [120, 90]])
    mine = constancy(days)
    assert np.isnan(mine.p_value[0])
    for day in (1, 2, 3):
        theirs = stats.chi2_contingency(days[: day + 1], correction=False)
        assert float(mine.statistic[day]) == pytest.approx(theirs.statistic)
        assert float(mine.p_value[day]) == pytest.approx(theirs.pvalue)


def test_constancy_joins_small_days() -> None:
    days = np.array([[5, 6], [6, 5], [20, 2], [1, 1], [8, 12]])  # blocks: days 1-2, day 3, days 4-5
    mine = constancy(days)
    theirs = stats.chi2_contingency([[11, 11], [20, 2], [9, 13]], correction=False)
    assert float(mine.statistic[4]) == pytest.approx(theirs.statistic)
    assert mine.degrees.tolist() == [0, 0, 1, 1, 2]


def test_constancy_restarts() -> None:
    ramp = np.array([[900, 100], [900, 100], [500, 500], [510, 490]])
    restarts = np.array([True, False, True, False])
    assert constancy(ramp, restarts).p_value[3] > 0.1
    assert constancy(ramp).p_value[3] < 1e-10


@given(st.permutations(range(4)))
def test_the_order_of_arms_does_not_matter(order: list[int]) -> None:
    users, purchases = np.array([500, 510, 480, 700]), np.array([50, 40, 61, 80])
    shares = np.array([0.2, 0.25, 0.25, 0.3])
    for test, other in (
        (independence(purchases, users), independence(purchases[order], users[order])),
        (sample_ratio(users, shares), sample_ratio(users[order], shares[order])),
    ):
        assert float(test.p_value) == pytest.approx(float(other.p_value), rel=1e-9)
