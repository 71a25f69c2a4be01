"""Means and ratios from sums: the values of an independent generator of 400 users, and the laws they obey."""

import math
from dataclasses import fields

import numpy as np
import numpy.typing as npt
import pytest

from abtest_lib.stats.information import look_information, mixture_information
from abtest_lib.stats.means import (
    MeanDifference,
    compare_means,
    interaction_p_value,
    interval,
    lift_delta_interval,
    lift_interval,
    may_test,
)
from abtest_lib.stats.proportions import critical_value, pair_information, score_statistic, two_sided_p_value
from abtest_lib.stats.sums import Sums
from abtest_lib.stats.welch import welch
from tests.oracle.known_users import SITES, known_users

Array = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def users() -> dict[str, Array]:
    """Return the known users by column; arm 0 and 1 alternate."""
    rows = [
        (user.variant == "B", SITES.index(user.site), user.pre, user.sessions, user.orders, user.revenue)
        for user in known_users()
    ]
    names = ("arm", "site", "pre", "sessions", "orders", "revenue")
    return dict(zip(names, np.array(rows, dtype=np.float64).T, strict=True))


def sums_of(x: Array, y: Array | None = None, c: Array | None = None) -> Sums:
    nothing = np.full(x.shape, np.nan)
    y, c = nothing if y is None else y, nothing if c is None else c
    return Sums(np.array(float(x.size)), *(np.array((a * b).sum()) for a, b in (
        (x, 1), (x, x), (y, 1), (y, y), (x, y), (c, 1), (c, c), (x, c), (y, c)
    )))  # fmt: skip


def compare(users: dict[str, Array], *names: str | None, chosen: Array | None = None) -> MeanDifference:
    arm, control = arms(users, *names, chosen=chosen)
    return compare_means(arm, control)


def arms(users: dict[str, Array], *names: str | None, chosen: Array | None = None) -> tuple[Sums, Sums]:
    keep = np.ones(400, dtype=bool) if chosen is None else chosen
    columns = [None if name is None else users[name] for name in names]
    b, a = (
        sums_of(*(None if values is None else values[keep & (users["arm"] == arm)] for values in columns))
        for arm in (1, 0)
    )
    return b, a


def assert_test(found: MeanDifference, difference: float, p_value: float, ends: tuple[float, float] | None) -> None:
    assert found.difference == pytest.approx(difference, abs=6e-7)
    assert two_sided_p_value(found.difference / found.standard_error) == pytest.approx(p_value, abs=6e-7)
    if ends is not None:
        both = interval(found.difference, found.standard_error, critical_value(0.05))
        assert (both.lower, both.upper) == pytest.approx(ends, abs=6e-7)


def test_the_users_are_those_of_the_published_sums(users: dict[str, Array]) -> None:
    b, a = arms(users, "revenue", None, "pre")
    assert [float(v.round(4)) for v in (a.x, a.xx, a.c, a.cc, a.xc)] == [
        4591.34, 238815.3418, 5060.25, 219002.9375, 123135.3725
    ]  # fmt: skip
    assert [float(v.round(4)) for v in (b.x, b.xx, b.c, b.cc, b.xc)] == [
        6791.09, 583193.7285, 4857.5, 212341, 174391.31
    ]  # fmt: skip
    b, a = arms(users, "orders", "sessions")
    assert [float(v) for v in (a.x, a.xx, a.y, a.yy, a.xy)] == [117, 173, 718, 3198, 503]
    assert [float(v) for v in (b.x, b.xx, b.y, b.yy, b.xy)] == [136, 214, 679, 2919, 584]


def test_a_mean(users: dict[str, Array]) -> None:
    found = compare(users, "revenue")
    assert_test(found, 10.99875, 0.001647, (4.149701, 17.847799))
    assert found.difference / found.standard_error == pytest.approx(3.147467, abs=6e-7)
    assert found.lift == pytest.approx(0.479109, abs=6e-7)
    logs, delta = (make(found, critical_value(0.05)) for make in (lift_interval, lift_delta_interval))
    assert (logs.lower, logs.upper) == pytest.approx((0.172532, 0.865844), abs=6e-7)
    assert (delta.lower, delta.upper) == pytest.approx((0.1356, 0.8227), abs=6e-5)
    assert np.isnan([found.unadjusted_difference, found.unadjusted_error, found.variance_reduction]).all()


def test_welch(users: dict[str, Array]) -> None:
    assert welch(*arms(users, "revenue")) == pytest.approx(0.001797, abs=6e-7)


def test_a_mean_with_a_covariate(users: dict[str, Array]) -> None:
    found = compare(users, "revenue", None, "pre")
    assert_test(found, 11.082426, 0.001492, (4.243589, 17.921264))
    assert found.unadjusted_difference == pytest.approx(10.99875)
    assert 0 < found.variance_reduction < 0.01


def test_a_ratio(users: dict[str, Array]) -> None:
    found = compare(users, "orders", "sessions")
    assert_test(found, 0.037342, 0.060272, (-0.001613, 0.076297))
    assert found.lift == pytest.approx(0.229158, abs=6e-7)
    logs = lift_interval(found, critical_value(0.05))
    assert (logs.lower, logs.upper) == pytest.approx((-0.009928, 0.525979), abs=6e-7)


def test_a_ratio_with_a_covariate(users: dict[str, Array]) -> None:
    assert_test(compare(users, "orders", "sessions", "pre"), 0.037070, 0.062068, None)


def test_a_capped_mean(users: dict[str, Array]) -> None:
    capped = {**users, "revenue": np.minimum(users["revenue"], 60)}
    assert_test(compare(capped, "revenue"), 4.00135, 0.080996, (-0.493083, 8.495783))


@pytest.mark.parametrize(
    ("site", "difference", "p_value"),
    [("MLA", 12.788297, 0.036484), ("MLB", 10.183243, 0.076275), ("MLM", 12.306101, 0.064332)],
)
def test_a_segment(users: dict[str, Array], site: str, difference: float, p_value: float) -> None:
    assert_test(compare(users, "revenue", chosen=users["site"] == SITES.index(site)), difference, p_value, None)


def test_interaction_of_segments_by_hand() -> None:
    # Weights 1 and 4: mean 2.6; Q = 1.6²·1 + 0.4²·4 = 3.2 with one degree of freedom.
    expected = math.erfc(math.sqrt(3.2 / 2))
    assert interaction_p_value([1.0, 3.0, np.nan], [1.0, 0.5, 1.0]) == pytest.approx(expected)
    assert np.isnan(interaction_p_value([1.0, np.nan], [1.0, 1.0]))


def test_swapping_the_arms_negates_the_difference(users: dict[str, Array]) -> None:
    b, a = arms(users, "orders", "sessions", "pre")
    one, other = compare_means(b, a), compare_means(a, b)
    assert one.difference == pytest.approx(-other.difference, rel=1e-12)
    assert one.standard_error == pytest.approx(other.standard_error, rel=1e-12)


def test_a_ratio_over_ones_is_a_mean(users: dict[str, Array]) -> None:
    ones = {**users, "ones": np.ones(400)}
    mean, ratio = compare(ones, "revenue", None, "pre"), compare(ones, "revenue", "ones", "pre")
    for item in fields(MeanDifference):
        assert getattr(ratio, item.name) == pytest.approx(getattr(mean, item.name), rel=1e-9)


def test_money_keeps_its_variance() -> None:
    spread = np.tile([-1.5, -0.5, 0.5, 1.5], 250)
    high = sums_of(1e5 + spread), sums_of(1e5 - 0.25 + spread)
    low = sums_of(spread), sums_of(spread - 0.25)
    found, expected = compare_means(*high), compare_means(*low)
    assert found.difference == pytest.approx(0.25, abs=1e-9)
    assert found.standard_error == pytest.approx(expected.standard_error, rel=1e-5)


def test_totals_of_trillions_keep_their_variance() -> None:
    values = 1e9 * (1 + np.tile([-1e-3, 1e-3], 500))
    found = compare_means(sums_of(values), sums_of(values))
    assert math.sqrt(found.pooled_variance) == pytest.approx(1e6 * math.sqrt(1000 / 999), rel=1e-6)


def test_a_proportion_is_tested_by_the_score_test() -> None:
    ones, zeros = np.ones(1), np.zeros(1)
    arm = sums_of(np.concatenate([np.tile(ones, 30), np.tile(zeros, 170)]))
    control = sums_of(np.concatenate([np.tile(ones, 45), np.tile(zeros, 555)]))
    found = compare_means(arm, control, is_proportion=True)
    assert found.difference / found.standard_error == pytest.approx(float(score_statistic(30, 200, 45, 600)))
    information = mixture_information(found, arm, control)
    assert information == pytest.approx(float(pair_information(30, 200, 45, 600)), rel=0.02)
    assert look_information(found, arm, control) == pytest.approx(150 * 75 / 800 * 725 / 800, rel=0.02)


@pytest.mark.parametrize("values", [np.zeros(1), np.zeros(50), np.full(50, 3.0)])
def test_nothing_is_compared_without_variance(values: Array) -> None:
    found = compare_means(sums_of(values), sums_of(values))
    assert np.isnan([found.difference, found.standard_error, found.lift]).all()


def test_a_constant_covariate_changes_nothing(users: dict[str, Array]) -> None:
    constant = {**users, "pre": np.full(400, 7.0)}
    assert compare(constant, "revenue", None, "pre").difference == pytest.approx(10.99875)


def test_negative_values_have_a_lift_by_the_delta_method(users: dict[str, Array]) -> None:
    loss = {**users, "revenue": -users["revenue"]}
    found = compare(loss, "revenue")
    ends, delta = lift_interval(found, 1.96), lift_delta_interval(found, 1.96)
    assert np.isnan(found.lift_log_error)
    assert (ends.lower, ends.upper) == (delta.lower, delta.upper)


def of_ones(ones: int, users: int) -> Sums:
    return sums_of(np.repeat([5.0, 0.0], [ones, users - ones]))


def test_a_test_needs_enough_values_in_both_arms() -> None:
    few, many = of_ones(9, 1000), of_ones(500, 1000)
    assert not may_test(few, many)
    assert not may_test(many, few)
    assert may_test(many, many)
    assert may_test(few, many, minimum=9)


@pytest.mark.parametrize(("ones", "expected"), [(511, False), (512, True)])
def test_unequal_arms_need_more_values(ones: int, *, expected: bool) -> None:
    # 800·0.8² = 512 for nine users to one.
    assert may_test(of_ones(ones, 1000), of_ones(5000, 9000)) == expected


@pytest.mark.parametrize(("ones", "expected"), [(9, False), (10, True), (1990, True), (1991, False)])
def test_proportions_need_enough_of_the_rarer_kind(ones: int, *, expected: bool) -> None:
    arm, control = (Sums(*np.array([1000.0, ones / 2, ones / 2, *[np.nan] * 7])) for _ in range(2))
    assert may_test(arm, control, minimum=5, is_proportion=True) == expected


def test_a_correlation_of_seven_tenths_shrinks_intervals_by_29_per_cent() -> None:
    rng = np.random.default_rng(20_261_126)
    c, own = rng.standard_normal((2, 2, 50_000))
    x = 0.7 * c + math.sqrt(1 - 0.7**2) * own
    found = compare_means(sums_of(x[1], c=c[1]), sums_of(x[0], c=c[0]))
    assert found.standard_error / found.unadjusted_error == pytest.approx(math.sqrt(1 - 0.7**2), abs=0.005)
    assert found.variance_reduction == pytest.approx(0.49, abs=0.01)
