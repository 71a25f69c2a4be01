"""Calibration of the posteriors: small versions of benchmarks/calibration/bayes; the whole agreement test is `slow`."""

import numpy as np
import pytest

from benchmarks.calibration.bayes import agreement, coverage, metrics, sbc

SEED = 11


def test_ranks_are_uniform() -> None:
    """Simulation-based calibration of the quadrature; the sampler's is in the slow test and the published results."""
    p_values = sbc.p_values(sbc.ranks(sbc.simulate(200, SEED), "exact", SEED), simulations=1_000)
    assert set(p_values) == set(sbc.QUANTITIES)
    assert min(p_values.values()) > sbc.LEVEL


def test_the_band_notices_ranks_that_are_not_uniform() -> None:
    rng = np.random.default_rng(3)
    shifted, narrow = rng.beta(1.3, 1.0, (400, 1)), 0.1 + 0.8 * rng.random((400, 1))
    ranks = np.hstack([shifted, narrow, rng.random((400, 2))])
    p_values = list(sbc.p_values(ranks, simulations=1_000).values())
    assert max(p_values[:2]) < sbc.LEVEL
    assert min(p_values[2:]) > sbc.LEVEL


@pytest.mark.parametrize(("users", "low", "high"), [(1_000, 0.02, 0.05), (100_000, 0.2, 0.5)])
def test_intervals_cover(users: int, low: float, high: float) -> None:
    """95 % of 600 intervals within 3.5 standard errors of a binomial count."""
    rng = np.random.default_rng(SEED)
    rates = rng.uniform(low, high, 300)
    purchases = rng.binomial(users, rates[:, None], (300, 2))
    groups = [coverage.group_of(number, users, row) for number, row in enumerate(purchases)]
    covered = coverage.covered(coverage.fit(groups, "exponential"), rates)
    assert covered == pytest.approx(0.95, abs=3.5 * np.sqrt(0.95 * 0.05 / 600))


def test_the_engines_agree() -> None:
    groups = [group for group in agreement.random_groups(60, SEED, share_of_many=0.0) if len(group.arms) <= 4]
    found = agreement.compare(groups, SEED)
    assert found.comparisons > 60
    assert found.largest <= 5
    # One group of two arms counts twice and makes 3 % of so few comparisons; the 1 % is the slow test's.
    assert found.share_above_3 <= 0.06
    assert found.refitted == 0


@pytest.mark.slow
def test_the_engines_agree_on_500_random_groups() -> None:
    groups = agreement.random_groups(500, SEED)
    assert max(len(group.arms) for group in groups) == 50
    found = agreement.compare(groups, SEED)
    assert found.comparisons > 1_500
    assert found.largest <= 5
    assert found.share_above_3 <= 0.01


@pytest.mark.slow
def test_the_sampler_ranks_uniformly() -> None:
    p_values = sbc.p_values(sbc.ranks(sbc.simulate(500, SEED), "mcmc", SEED))
    assert min(p_values.values()) > sbc.LEVEL


def test_ranks_of_metrics_are_uniform() -> None:
    p_values = metrics.p_values(metrics.ranks(metrics.simulate(300, SEED), "exact", SEED), simulations=1_000)
    assert set(p_values) == set(metrics.QUANTITIES)
    assert min(p_values.values()) > 0.05 / len(metrics.QUANTITIES)


@pytest.mark.parametrize("traffic", metrics.TRAFFIC)
def test_intervals_of_metrics_cover(traffic: str) -> None:
    """95 % of 600 intervals, and 5 % of 300 probabilities, within 3.5 standard errors of a binomial count."""
    found = metrics.measure(traffic, 5_000, 300, SEED)
    assert found.covered == pytest.approx(0.95, abs=3.5 * np.sqrt(0.95 * 0.05 / 600))
    assert found.sure == pytest.approx(0.05, abs=3.5 * np.sqrt(0.95 * 0.05 / 300))


@pytest.mark.slow
def test_the_sampler_ranks_metrics_uniformly() -> None:
    p_values = metrics.p_values(metrics.ranks(metrics.simulate(500, SEED), "mcmc", SEED))
    assert min(p_values.values()) > 0.05 / len(metrics.QUANTITIES)
