"""Posteriors of means and ratios: against conjugate formulas, numerical integration and each other."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, stats

from abtest_lib.bayes import fit_metrics
from abtest_lib.bayes.arm_values import arm_values
from abtest_lib.bayes.engines.exact_normal import quadrature
from abtest_lib.bayes.fit_config import FitConfig
from abtest_lib.bayes.fit_metrics import draw_metric_groups, fit_metric_groups
from abtest_lib.bayes.metric_groups import ArmSums, MetricArm, MetricGroup
from abtest_lib.bayes.normal_points import Points, Standardised, conditional_moments
from abtest_lib.bayes.posterior import ArmNumbers, GroupPosterior
from abtest_lib.bayes.priors import DEFAULT_PRIOR, Prior, prior_by_name
from abtest_lib.contracts.enums import Direction

ENGINES = ("exact", "mcmc")
RATE = 1.0 / 3.0


def sums_of(x: np.ndarray, y: np.ndarray | None = None, c: np.ndarray | None = None) -> ArmSums:
    result = ArmSums(sum_x=x.sum(), sum_xx=(x * x).sum())
    if y is not None:
        result = replace(result, sum_y=y.sum(), sum_yy=(y * y).sum(), sum_xy=(x * y).sum())
    if c is not None:
        result = replace(result, sum_c=c.sum(), sum_cc=(c * c).sum(), sum_xc=(x * c).sum())
    if y is not None and c is not None:
        result = replace(result, sum_yc=(y * c).sum())
    return result


def mean_arm(name: str, users: int, mean: float, sd: float) -> MetricArm:
    """An arm with the given sample mean and sample standard deviation."""
    return MetricArm(name, users, ArmSums(sum_x=users * mean, sum_xx=users * mean**2 + (users - 1) * sd**2))


def group_of(*arms: MetricArm, direction: Direction = Direction.UP, control: str | None = "A") -> MetricGroup:
    return MetricGroup("to_date", "2021-08-01", "x", "revenue", arms, control, direction, seed=4711)


def fit(group: MetricGroup, engine: str = "exact", prior: Prior = DEFAULT_PRIOR) -> GroupPosterior:
    (result,) = fit_metric_groups([group], FitConfig(engine, prior, 1))
    return result


def numbers(result: GroupPosterior) -> dict[str, ArmNumbers]:
    assert result.status == "ok", result.reason
    return {arm.arm.variant_id: arm.numbers for arm in result.arms}


def test_values_and_errors_are_those_of_the_users() -> None:
    rng = np.random.default_rng(3)
    users = [
        {"x": rng.gamma(2.0, 3.0, n), "y": 1.0 + rng.poisson(3.0, n), "c": rng.normal(5.0, 2.0, n)} for n in (50, 70)
    ]
    for arm in users:
        arm["x"] = arm["x"] + 2.0 * arm["c"]
    everybody = {name: np.concatenate([arm[name] for arm in users]) for name in "xyc"}

    plain = arm_values([MetricArm("A", len(arm["x"]), sums_of(arm["x"])) for arm in users])
    assert plain.value == pytest.approx([arm["x"].mean() for arm in users])
    assert plain.error == pytest.approx([arm["x"].std(ddof=1) / math.sqrt(len(arm["x"])) for arm in users])

    theta = np.cov(everybody["x"], everybody["c"])[0, 1] / everybody["c"].var(ddof=1)
    adjusted = arm_values([MetricArm("A", len(arm["x"]), sums_of(arm["x"], c=arm["c"])) for arm in users])
    rest = [arm["x"] - theta * (arm["c"] - everybody["c"].mean()) for arm in users]
    assert adjusted.value == pytest.approx([values.mean() for values in rest])
    assert adjusted.error == pytest.approx([values.std(ddof=1) / math.sqrt(values.size) for values in rest])
    assert (adjusted.error < plain.error).all()

    ratio = arm_values([MetricArm("A", len(arm["x"]), sums_of(arm["x"], arm["y"], arm["c"])) for arm in users])
    linear = [(arm["x"] - (r := arm["x"].sum() / arm["y"].sum()) * arm["y"]) / arm["y"].mean() + r for arm in users]
    # The slope comes from the users of all arms, linearised with their ratio: as for a pair in the comparisons.
    x, y, c = (everybody[name] for name in "xyc")
    theta = np.cov((x - x.sum() / y.sum() * y) / y.mean(), c)[0, 1] / c.var(ddof=1)
    rest = [line - theta * (arm["c"] - everybody["c"].mean()) for line, arm in zip(linear, users, strict=True)]
    assert ratio.value == pytest.approx([values.mean() for values in rest])
    assert ratio.error == pytest.approx([values.std(ddof=1) / math.sqrt(values.size) for values in rest])


def test_the_adjusted_difference_of_known_traffic() -> None:
    """400 users whose sums and CUPED estimate are known: 11.082426 (4.243589, 17.921264)."""
    one = ArmSums(sum_x=4591.34, sum_xx=238815.3418, sum_c=5060.25, sum_cc=219002.9375, sum_xc=123135.3725)
    two = ArmSums(sum_x=6791.09, sum_xx=583193.7285, sum_c=4857.5, sum_cc=212341.0, sum_xc=174391.31)
    found = arm_values([MetricArm("A", 200, one), MetricArm("B", 200, two)])
    assert found.value[1] - found.value[0] == pytest.approx(11.082426, abs=1e-6)
    half = 1.959963985 * math.hypot(*found.error)
    assert half == pytest.approx((17.921264 - 4.243589) / 2, abs=1e-6)


def test_moments_given_the_spread_are_conjugate() -> None:
    """With κ known, z ~ Normal(0, 1/w + 1/κ) around a flat mean: the moments by a multivariate normal."""
    z, w, kappa = np.array([-0.4, 0.7, 0.1]), np.array([20.0, 35.0, 8.0]), 5.0
    inverse = 1.0 / (1.0 / w + 1.0 / kappa)
    location, variance = (inverse * z).sum() / inverse.sum(), 1.0 / inverse.sum()
    points = Points(np.array([kappa]), np.array([location]), np.array([variance]), np.ones(1))
    found = conditional_moments(points, Standardised(z, w, 0))

    # The joint posterior precision of the arms' values: diag(w + κ) less κ·κ/(3κ), as the flat mean is removed.
    precision = np.diag(w + kappa) - kappa / 3.0
    covariance = np.linalg.inv(precision)
    assert found.mean == pytest.approx(covariance @ (w * z))
    assert found.sd == pytest.approx(np.sqrt(np.diag(covariance)))


@pytest.mark.parametrize(("d", "n"), [(0.0, 10.0), (0.6, 40.0), (0.01, 1e7), (300.0, 50.0)])
def test_the_quadrature_is_the_integral(d: float, n: float) -> None:
    """Of two equal arms the marginal posterior of κ depends on their difference only."""

    def density(s: float) -> float:
        spread = math.sqrt(2.0 / n + 2.0 / math.exp(s))
        return float(stats.norm.pdf(d, 0.0, spread) * math.exp(2.0 * s - RATE * math.exp(s)))

    points = quadrature(Standardised(np.array([-d / 2, d / 2]), np.array([n, n]), 0), RATE)
    grid = np.linspace(-45.0, 6.0, 200_001)
    mass = np.array([density(s) for s in grid[::10]])
    expected = integrate.trapezoid(np.exp(grid[::10]) * mass) / integrate.trapezoid(mass)
    assert (points.concentration * points.weight).sum() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_at_many_users_the_posterior_is_the_estimate(engine: str) -> None:
    result = numbers(fit(group_of(mean_arm("A", 100_000, 5.0, 20.0), mean_arm("B", 90_000, 5.1, 20.0)), engine))
    error = [20.0 / math.sqrt(n) for n in (100_000, 90_000)]
    assert [result[name].conversion_mean for name in "AB"] == pytest.approx([5.0, 5.1], abs=1e-4)
    assert [result[name].conversion_sd for name in "AB"] == pytest.approx(error, rel=1e-3)
    z = 0.1 / math.hypot(*error)
    assert result["B"].probability_beats_control == pytest.approx(stats.norm.cdf(z), abs=0.025)
    assert result["A"].probability_best == pytest.approx(stats.norm.cdf(-z), abs=0.025)
    scale = math.hypot(*error)
    loss = scale * (stats.norm.pdf(z) - z * stats.norm.cdf(-z))
    assert result["B"].expected_loss == pytest.approx(loss, abs=0.1 * scale * 0.4)
    assert result["B"].interval_lower == pytest.approx(5.1 - 1.96 * error[1], abs=0.2 * error[1])
    assert result["B"].lift_median == pytest.approx(0.02, abs=0.002)
    assert result["A"].lift_median is None


@pytest.mark.parametrize("arms", [2, 3, 9])
def test_the_engines_agree(arms: int) -> None:
    rng = np.random.default_rng(arms)
    listed = [mean_arm(chr(65 + i), int(rng.integers(5, 60)), rng.normal(3.0, 0.5), 2.0) for i in range(arms)]
    exact, sampled = (numbers(fit(group_of(*listed), engine)) for engine in ENGINES)
    for name, one in exact.items():
        other = sampled[name]
        assert other.conversion_mean == pytest.approx(one.conversion_mean, abs=0.05 * (one.conversion_sd or 0.0))
        assert other.conversion_sd == pytest.approx(one.conversion_sd, rel=0.05)
        assert other.probability_best == pytest.approx(one.probability_best, abs=0.05)


def test_down_makes_the_smallest_value_best() -> None:
    arms = mean_arm("A", 500, 5.0, 4.0), mean_arm("B", 500, 5.4, 4.0)
    up, down = (numbers(fit(group_of(*arms, direction=direction))) for direction in Direction)
    assert down["B"].probability_best == pytest.approx(1.0 - (up["B"].probability_best or 0.0))
    assert down["B"].probability_beats_control == down["B"].probability_best
    assert (down["B"].expected_loss or 0.0) - (up["B"].expected_loss or 0.0) == pytest.approx(0.4, abs=0.04)
    assert down["B"].conversion_mean == up["B"].conversion_mean
    assert down["B"].lift_median == up["B"].lift_median


@pytest.mark.parametrize("factor", [1e-6, 1e9])
def test_another_unit_changes_the_unit_only(factor: float) -> None:
    plain = numbers(fit(group_of(mean_arm("A", 500, 5.0, 4.0), mean_arm("B", 500, 5.4, 4.0))))
    scaled = numbers(
        fit(group_of(mean_arm("A", 500, 5.0 * factor, 4.0 * factor), mean_arm("B", 500, 5.4 * factor, 4.0 * factor)))
    )
    assert scaled["B"].probability_best == plain["B"].probability_best
    assert scaled["B"].expected_loss == pytest.approx((plain["B"].expected_loss or 0.0) * factor, rel=1e-6)
    assert scaled["B"].interval_upper == pytest.approx((plain["B"].interval_upper or 0.0) * factor, rel=1e-6)


def test_without_a_clear_control_there_is_no_lift() -> None:
    result = numbers(fit(group_of(mean_arm("A", 50, 0.5, 4.0), mean_arm("B", 50, 5.4, 4.0))))
    assert result["B"].lift_median is None
    assert result["B"].probability_beats_control is not None


def test_a_fixed_prior_leaves_the_arms_independent() -> None:
    group = group_of(mean_arm("A", 10, 5.0, 4.0), mean_arm("B", 10, 9.0, 4.0))
    for engine in ENGINES:
        result = numbers(fit(group, engine, prior_by_name("flat")))
        assert [result[name].conversion_mean for name in "AB"] == pytest.approx([5.0, 9.0])
        assert result["A"].conversion_sd == pytest.approx(4.0 / math.sqrt(10))


GOOD = mean_arm("A", 10, 5.0, 4.0)


@pytest.mark.parametrize(
    ("arm", "reason"),
    [
        (MetricArm("B", None, GOOD.sums), "variant 'B' has no count of users"),
        (MetricArm("B", 5, replace(GOOD.sums, sum_x=None)), "variant 'B' has no sum_x"),
        (MetricArm("B", 5, replace(GOOD.sums, sum_xx=math.nan)), "variant 'B' has sum_xx nan: sums must be finite"),
        (MetricArm("B", 5, replace(GOOD.sums, sum_x=math.inf)), "variant 'B' has sum_x inf: sums must be finite"),
        (MetricArm("B", 5, replace(GOOD.sums, sum_xx=-1.0)), "variant 'B' has sum_xx -1.0: a sum of squares is not"),
        (MetricArm("A", 5, GOOD.sums), "variant 'A' occurs more than once"),
        (MetricArm("B", 1, GOOD.sums), "1 user in this arm: a variance needs 2"),
        (MetricArm("B", 9, ArmSums(sum_x=0.0, sum_xx=0.0)), "does not vary between the users"),
        (MetricArm("B", 9, ArmSums(sum_x=0.9, sum_xx=0.09)), "does not vary between the users"),
        (MetricArm("B", 9, replace(GOOD.sums, sum_y=0.0, sum_yy=0.0, sum_xy=0.0)), "add up to 0: a ratio needs"),
    ],
)
def test_what_cannot_be_fitted_is_marked_with_a_reason(arm: MetricArm, reason: str) -> None:
    fitting = group_of(GOOD, mean_arm("B", 10, 6.0, 4.0))
    config = FitConfig("exact", DEFAULT_PRIOR, 1)
    bad, good = fit_metric_groups([group_of(GOOD, arm), fitting], config)
    assert bad.status == "failed"
    assert reason in (bad.reason or "")
    assert [row["conversion_mean"] for row in bad.rows()] == [None, None]
    assert good.status == "ok"


def test_an_arm_without_an_error_leaves_the_others_to_be_compared() -> None:
    result = fit(group_of(GOOD, mean_arm("B", 10, 6.0, 4.0), MetricArm("C", 9, ArmSums(sum_x=0.0, sum_xx=0.0))))
    assert [row["status"] for row in result.rows()] == ["ok", "ok", "failed"]
    assert result.arms[2].problem == "the metric does not vary between the users of this arm"
    assert sum(arm.numbers.probability_best or 0.0 for arm in result.arms) == pytest.approx(1.0)


def test_money_keeps_its_variance() -> None:
    """A mean a million times the standard deviation leaves four digits of a variance from doubles."""
    found = arm_values([mean_arm("A", 1000, 1e5, 1.0), mean_arm("B", 1000, 1e5 + 1.0, 1.0)])
    assert found.error == pytest.approx([1.0 / math.sqrt(1000)] * 2, rel=1e-4)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_group_does_not_depend_on_its_batch(engine: str) -> None:
    group = group_of(mean_arm("A", 10, 5.0, 4.0), mean_arm("B", 10, 9.0, 4.0))
    others = [replace(group_of(mean_arm("A", n, 1.0, 2.0), mean_arm("B", n, 1.0, 3.0)), seed=n) for n in range(5, 45)]
    config = FitConfig(engine, DEFAULT_PRIOR, 1)
    alone, among = fit(group, engine), list(fit_metric_groups([*others, group], config))[-1]
    assert list(alone.rows()) == list(among.rows())


def test_order_and_names_of_arms_change_no_number() -> None:
    arms = mean_arm("A", 10, 5.0, 4.0), mean_arm("B", 12, 9.0, 4.0), mean_arm("C", 11, 8.0, 4.0)
    forth, back = numbers(fit(group_of(*arms))), numbers(fit(group_of(*arms[::-1])))
    assert forth == back
    renamed = [replace(arm, variant_id=name) for arm, name in zip(arms, "ZYX", strict=True)]
    other = numbers(fit(group_of(*renamed, control="Z")))
    assert list(other.values()) == list(forth.values())


def test_the_error_of_an_engine_is_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError("no numbers today")

    monkeypatch.setitem(fit_metrics._ENGINES, "exact", broken)
    group = group_of(GOOD, mean_arm("B", 10, 6.0, 4.0))
    assert draw_metric_groups([group], "exact", DEFAULT_PRIOR) == ["the engine failed with no numbers today"]
    result = fit(group)
    assert (result.status, result.engine) == ("refitted", "mcmc")
    assert result.reason == "exact: the engine failed with no numbers today; fitted again by mcmc"
