"""Summaries of draws against ArviZ, NumPy and arithmetic."""

import warnings

import numpy as np
import pytest
from scipy import stats

from abtest_lib.bayes.draws import ConversionDraws, draw_conversions
from abtest_lib.bayes.engines.engine import Nodes
from abtest_lib.bayes.hdi import highest_density_interval
from abtest_lib.bayes.summaries import Moments, conditional_moments, quantiles_of_sorted, summarise

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # ArviZ 0.23 announces 1.0 on import
    import arviz


@pytest.mark.parametrize("draws", [100, 999, 4000])
def test_intervals_agree_with_arviz_and_numpy(draws: int) -> None:
    rng = np.random.default_rng(draws)
    quantities = np.stack([rng.beta(2, 30, draws), rng.beta(0.3, 0.4, draws), rng.normal(size=draws)])
    ascending = np.sort(quantities, axis=1)
    lower, upper = highest_density_interval(ascending)
    for row, quantity in enumerate(quantities):
        np.testing.assert_array_equal([lower[row], upper[row]], arviz.hdi(quantity, hdi_prob=0.95))
    probabilities = (0.0, 0.025, 0.5, 0.975, 1.0)
    np.testing.assert_allclose(
        quantiles_of_sorted(ascending, probabilities), np.quantile(quantities, probabilities, axis=1)
    )


def test_a_handful_of_draws_by_hand() -> None:
    """Arms A, B, C over four draws; A is the control."""
    theta = np.array([[0.1, 0.1, 0.2, 0.2], [0.2, 0.2, 0.1, 0.1], [0.1, 0.3, 0.1, 0.1]])
    theta[2] += 1e-9
    draws = ConversionDraws(np.log(theta / (1 - theta)))
    summary = summarise(draws, Moments(np.zeros(3), np.zeros(3)), np.array([5.0, 5.0, 5.0]), control=0)
    assert summary.probability_best.tolist() == [0.5, 0.25, 0.25]
    # The best of each draw: 0.2, 0.3, 0.2, 0.2, so 0.225 on average; the arms' means: 0.15, 0.15, 0.15.
    np.testing.assert_allclose(summary.expected_loss, [0.075, 0.075, 0.075], atol=1e-8)
    assert summary.comparison is not None
    np.testing.assert_array_equal(summary.comparison.probability_beats_control, [np.nan, 0.5, 0.5])
    # B over A minus one: 1, 1, -1/2, -1/2 on the log scale ln 2, ln 2, -ln 2, -ln 2; the median is exp(0) - 1.
    np.testing.assert_allclose(summary.comparison.lift_median[1], 0.0, atol=1e-12)
    assert np.isnan(summary.comparison.lift_median[0])


def test_there_is_no_lift_over_a_control_without_purchases_and_no_comparison_without_control() -> None:
    draws = ConversionDraws(np.random.default_rng(1).normal(size=(2, 100)))
    moments = Moments(np.zeros(2), np.zeros(2))
    against = summarise(draws, moments, np.array([0.0, 3.0]), control=0).comparison
    assert against is not None
    assert np.isnan(against.lift_median).all()
    assert np.isnan(against.lift_upper).all()
    assert 0 < against.probability_beats_control[1] < 1
    assert summarise(draws, moments, np.array([0.0, 3.0]), control=None).comparison is None


def test_moments_of_one_node_are_those_of_its_beta_distribution() -> None:
    nodes = Nodes(np.array([2.0]), np.array([7.0]), np.array([1.0]))
    moments = conditional_moments(nodes, np.array([3.0, 0.0]), np.array([10.0, 20_000_000.0]))
    expected = [stats.beta(5.0, 14.0), stats.beta(2.0, 20_000_007.0)]
    np.testing.assert_allclose(moments.mean, [beta.mean() for beta in expected], rtol=1e-12)
    np.testing.assert_allclose(moments.sd, [beta.std() for beta in expected], rtol=1e-9)


def test_moments_of_a_mixture() -> None:
    """Half Beta(1, 1), half Beta(3, 1): mean (1/2 + 3/4)/2, second moment (1/3 + 3/5)/2."""
    nodes = Nodes(np.array([1.0, 3.0]), np.array([1.0, 1.0]), np.array([0.5, 0.5]))
    moments = conditional_moments(nodes, np.zeros(1), np.zeros(1))
    assert moments.mean[0] == pytest.approx(0.625)
    assert moments.sd[0] == pytest.approx(np.sqrt((1 / 3 + 3 / 5) / 2 - 0.625**2))


@pytest.mark.parametrize(("alpha", "beta"), [(0.02, 3.0), (0.9, 0.9), (5.0, 300.0)])
def test_draws_follow_the_beta_distribution(alpha: float, beta: float) -> None:
    rng = np.random.default_rng(11)
    size = 20_000
    draws = draw_conversions(np.full(size, alpha), np.full(size, beta), np.zeros(1), np.zeros(1), rng)
    assert stats.kstest(draws.conversion[0], stats.beta(alpha, beta).cdf).pvalue > 1e-3


def test_proportions_that_underflow_still_differ_as_logarithms() -> None:
    """α = 0.001: most of Beta(α, β) lies below 1e-308; log θ is -E/α with E ~ Exponential, but for O(1)."""
    size = 2_000
    small = np.full(size, 0.001)
    draws = draw_conversions(small, np.full(size, 1.0), np.zeros(2), np.full(2, 2e7), np.random.default_rng(3))
    assert (draws.conversion == 0.0).mean() > 0.3
    assert np.isfinite(draws.log_conversion).all()
    assert len(np.unique(draws.log_conversion)) == 2 * size
    assert draws.log_conversion.mean() * 0.001 == pytest.approx(-1.0, abs=0.08)
