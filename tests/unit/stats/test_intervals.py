"""Score intervals against a 40-digit likelihood search, published values, and the test that they invert."""

from collections.abc import Callable
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep

from abtest_lib.stats.intervals import difference_intervals, ratio_intervals
from abtest_lib.stats.proportions import score_statistic

Z = 1.959963984540054
CASES = [
    (15, 15, 49, 340),
    (147, 256, 140, 140),
    (3, 2_000_000, 5, 1_000_000),
    (1, 20_000_000, 0, 20_000_000),
    (0, 10, 0, 20),
    (7, 7, 9, 9),
    (10, 10, 0, 12),
    (200_000, 20_000_000, 201_000, 20_000_000),
    (12, 300, 9, 280),
    (2, 3, 1, 4),
    (0, 5, 3, 5),
]


def _most_likely(score: Callable[[Decimal], Decimal], low: Decimal, high: Decimal) -> Decimal:
    for _ in range(125):
        middle = (low + high) / 2
        low, high = (middle, high) if score(middle) > 0 else (low, middle)
    return low


def _terms(x: Decimal, n: Decimal, p: Decimal) -> Decimal:
    return (x / p if x else Decimal(0)) - ((n - x) / (1 - p) if n - x else Decimal(0))


def exact_difference_score(delta: float, counts: tuple[int, ...]) -> float:
    """Compute z of the difference `delta`, the likelihood maximised by bisection in 40 digits."""
    with localcontext() as context:
        context.prec = 40
        d, (x, n, x0, n0) = Decimal(delta), map(Decimal, counts)
        low, high = max(Decimal(0), d), min(Decimal(1), 1 + d)
        q = _most_likely(lambda p: _terms(x, n, p) + _terms(x0, n0, p - d), low, high)
        variance = q * (1 - q) / n + (q - d) * (1 - q + d) / n0
        return float((x / n - x0 / n0 - d) / variance.sqrt())


def exact_ratio_score(ratio: float, counts: tuple[int, ...]) -> float:
    """Compute z of a ratio, the likelihood maximised by bisection in 40 digits."""
    with localcontext() as context:
        context.prec = 40
        r, (x, n, x0, n0) = Decimal(ratio), map(Decimal, counts)
        q0 = _most_likely(lambda p: r * _terms(x, n, r * p) + _terms(x0, n0, p), Decimal(0), min(Decimal(1), 1 / r))
        variance = r * q0 * (1 - r * q0) / n + r * r * q0 * (1 - q0) / n0
        return float((x / n - r * x0 / n0) / variance.sqrt())


@pytest.mark.parametrize("critical", [Z, 5.0, 8.0])
@pytest.mark.parametrize("counts", CASES)
def test_difference_ends_have_the_critical_score(counts: tuple[int, ...], critical: float) -> None:
    ends = difference_intervals(*counts, critical)
    lower, upper = float(ends.lower), float(ends.upper)
    assert -1 <= lower < counts[0] / counts[1] - counts[2] / counts[3] + 1e-12
    assert lower < upper <= 1
    for end, expected in ((lower, critical), (upper, -critical)):
        if abs(end) < 1:
            assert exact_difference_score(end, counts) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("critical", [Z, 5.0, 8.0])
@pytest.mark.parametrize("counts", [case for case in CASES if case[2] > 0])
def test_ratio_ends_have_the_critical_score(counts: tuple[int, ...], critical: float) -> None:
    ends = ratio_intervals(*counts, critical)
    assert float(ends.lower) < float(ends.upper)
    for end, expected in ((float(ends.lower), critical), (float(ends.upper), -critical)):
        if end > 0:
            assert exact_ratio_score(end, counts) == pytest.approx(expected, abs=1e-6)
    assert (float(ends.lower) == 0) == (counts[0] == 0)


@pytest.mark.parametrize(
    ("counts", "lower", "upper"),
    [
        ((56, 70, 48, 80), 0.0533, 0.3377),
        ((9, 10, 3, 10), 0.1821, 0.8370),
        ((5, 56, 0, 29), -0.0313, 0.1926),
        ((0, 10, 0, 20), -0.1611, 0.2775),
    ],
)
def test_published_mee_intervals(counts: tuple[int, ...], lower: float, upper: float) -> None:
    """Newcombe (1998), Statistics in Medicine 17, 873-890, Table II, method 5."""
    ends = difference_intervals(*counts, Z)
    assert (round(float(ends.lower), 4), round(float(ends.upper), 4)) == (lower, upper)


def test_ratio_against_statsmodels_where_it_answers() -> None:
    rng = np.random.default_rng(7)
    compared = 0
    for _ in range(60):
        n, n0 = (int(v) for v in rng.integers(20, 400, 2))
        x, x0 = int(rng.integers(1, n)), int(rng.integers(1, n0))
        try:
            theirs = confint_proportions_2indep(x, n, x0, n0, method="score", compare="ratio", correction=False)
        except (ValueError, RuntimeError, RuntimeWarning):
            continue
        mine = ratio_intervals(x, n, x0, n0, Z)
        np.testing.assert_allclose((float(mine.lower), float(mine.upper)), theirs, rtol=1e-6)
        compared += 1
    assert compared > 30


def test_no_control_conversions_no_ratio_and_no_users_no_interval() -> None:
    assert np.isnan(ratio_intervals(5, 10, 0, 10, Z).upper)
    ends = difference_intervals([1, 1], [0, 10], [1, 1], [10, 0], Z)
    assert np.isnan(ends.lower).all()
    assert np.isnan(ends.upper).all()


def test_an_infinite_critical_value_keeps_everything() -> None:
    ends = difference_intervals(5, 10, 6, 10, np.inf)
    assert (float(ends.lower), float(ends.upper)) == (-1.0, 1.0)


counts = st.tuples(st.integers(1, 5000), st.integers(1, 5000)).flatmap(
    lambda n: st.tuples(st.integers(0, n[0]), st.just(n[0]), st.integers(0, n[1]), st.just(n[1]))
)


@given(counts, st.floats(0.5, 8))
def test_interval_and_test_never_disagree(drawn: tuple[int, int, int, int], critical: float) -> None:
    statistic = float(np.nan_to_num(score_statistic(*drawn)))
    difference, ratio = difference_intervals(*drawn, critical), ratio_intervals(*drawn, critical)
    assert (float(difference.lower) > 0) == (statistic > critical)
    assert (float(difference.upper) < 0) == (statistic < -critical)
    if drawn[2] > 0:
        assert (float(ratio.lower) > 1 + 1e-9) <= (statistic > critical)
        assert (float(ratio.upper) < 1 - 1e-9) <= (statistic < -critical)


@given(counts, st.floats(0.5, 8))
def test_exchanging_the_arms_mirrors_the_interval(drawn: tuple[int, int, int, int], critical: float) -> None:
    x, n, x0, n0 = drawn
    there, back = difference_intervals(x, n, x0, n0, critical), difference_intervals(x0, n0, x, n, critical)
    assert float(there.lower) == -float(back.upper)
    assert float(there.upper) == -float(back.lower)


@given(counts)
def test_a_larger_critical_value_never_shortens(drawn: tuple[int, int, int, int]) -> None:
    ends = difference_intervals(*drawn, np.array([1.0, 2.0, 4.0]))
    assert (np.diff(ends.lower) <= 1e-12).all()
    assert (np.diff(ends.upper) >= -1e-12).all()


def test_who_converts_and_who_does_not_give_mirrored_intervals() -> None:
    """Also near 100 %, where the cubic equation in conversions cancels; zero is excluded as in the test."""
    rng = np.random.default_rng(17)
    users, control_users = (np.floor(10 ** rng.uniform(1, 9, 20_000)) for _ in range(2))
    purchases, control_purchases = (
        rng.binomial(n.astype(np.int64), rng.beta(0.3, 0.3, n.size)).astype(np.float64) for n in (users, control_users)
    )
    critical = np.full(users.size, 2.5)
    found = difference_intervals(purchases, users, control_purchases, control_users, critical)
    others = (users - purchases, users, control_users - control_purchases, control_users)
    mirrored = difference_intervals(*others, critical)
    np.testing.assert_allclose(found.lower, -mirrored.upper, atol=1e-12)
    np.testing.assert_allclose(found.upper, -mirrored.lower, atol=1e-12)


def test_an_arm_compared_with_one_in_which_all_converted() -> None:
    found = difference_intervals(10_110, 10_119, 290_756_510, 290_756_510, 1.96)
    assert float(found.upper) == pytest.approx(-4.68e-4, rel=1e-3)
    assert float(found.lower) == pytest.approx(-1.69e-3, rel=1e-2)
