"""The posterior density: the textbook model, the sampler's and the quadrature's agree."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, special, stats

from abtest_lib.bayes.log_gamma import log_gamma_and_digamma, log_rising
from abtest_lib.bayes.mode import find_modes, log_prior
from abtest_lib.bayes.models import log_posterior
from abtest_lib.bayes.quadrature import DistinctCounts, Frame, log_density
from abtest_lib.bayes.quadrature import integrate as integrate_group
from abtest_lib.bayes.runtime import prepare_jax

RATE = 1 / 3
COUNTS = [([3.0, 5.0], [10.0, 12.0]), ([0.0, 0.0, 1.0], [2.0, 7.0, 20_000_000.0]), ([4.0, 4.0], [4.0, 4.0])]
POSITIONS = [(-3.0, 1.5), (0.2, -2.0), (5.0, 4.0), (-12.0, 0.0)]


@pytest.fixture(autouse=True)
def double_precision() -> None:
    prepare_jax()


def textbook(t: float, s: float, purchases: list[float], users: list[float]) -> float:
    """Exponential priors on α and β, scipy's Beta-Binomial, and the Jacobian of (α, β) → (t, s), αβ."""
    alpha, beta = np.exp(s) * special.expit(t), np.exp(s) * special.expit(-t)
    prior = stats.expon.logpdf([alpha, beta], scale=1 / RATE).sum()
    likelihood = stats.betabinom.logpmf(purchases, np.array(users, dtype=int), alpha, beta).sum()
    return float(prior + likelihood + np.log(alpha) + np.log(beta))


@pytest.mark.parametrize(("purchases", "users"), COUNTS[::2])
def test_both_engines_work_on_the_textbook_density(purchases: list[float], users: list[float]) -> None:
    x, n = np.array(purchases), np.array(users)
    wanted = np.array([textbook(t, s, purchases, users) for t, s in POSITIONS])
    counts = DistinctCounts.of(x, n)
    grid = [log_density(np.array([[t]]), np.array([s]), counts=counts, rate=RATE).item() for t, s in POSITIONS]
    names = [{"logit_mean": jnp.float64(t), "log_concentration": jnp.float64(s)} for t, s in POSITIONS]
    sampled = np.array(
        [float(log_posterior(name, jnp.asarray(x), jnp.asarray(n), jnp.float64(RATE))) for name in names]
    )
    assert np.ptp(wanted - grid) < 1e-8
    assert np.ptp(wanted - sampled) < 1e-8


def test_arms_without_users_do_not_change_the_sampled_density() -> None:
    position = {"logit_mean": jnp.float64(-2.0), "log_concentration": jnp.float64(1.0)}
    plain = log_posterior(position, jnp.array([3.0, 5.0]), jnp.array([10.0, 12.0]), jnp.float64(RATE))
    padded = log_posterior(
        position, jnp.array([3.0, 5.0, 0.0, 0.0]), jnp.array([10.0, 12.0, 0.0, 0.0]), jnp.float64(RATE)
    )
    assert float(plain) == pytest.approx(float(padded), abs=1e-12)


def test_log_rising_and_its_slope_against_scipy() -> None:
    x = np.concatenate([np.logspace(-12, 9, 500), np.linspace(7.99, 8.01, 21)])
    value, slope = log_gamma_and_digamma(jnp.asarray(x))
    np.testing.assert_allclose(value, special.gammaln(x), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(slope, special.digamma(x), rtol=1e-13, atol=1e-13)
    assert float(jax.grad(log_rising)(jnp.float64(2.5), jnp.float64(3.0))) == pytest.approx(1 / 2.5 + 1 / 3.5 + 1 / 4.5)


@pytest.mark.parametrize(("purchases", "users"), COUNTS)
def test_the_mode_is_higher_than_its_surroundings(purchases: list[float], users: list[float]) -> None:
    x, n = np.array([purchases]), np.array([users])
    (t, s), *_ = find_modes(x, n, RATE).mode
    offsets = np.array([-0.05, 0.0, 0.05])
    columns = [
        log_density(t + offsets[:, None], np.array([s + o]), counts=DistinctCounts.of(x[0], n[0]), rate=RATE)
        for o in offsets
    ]
    assert np.argmax(np.hstack(columns)) == 4


def test_quadrature_against_nested_adaptive_integration() -> None:
    """Posterior mean of logit m and of log κ by scipy's dblquad on another parametrisation, (m, κ)."""
    purchases, users = [3.0, 5.0], [10.0, 12.0]

    def density(kappa: float, m: float) -> float:
        likelihood = stats.betabinom.pmf(purchases, np.array(users, dtype=int), m * kappa, (1 - m) * kappa).prod()
        return float(likelihood * stats.gamma.pdf(kappa, 2, scale=1 / RATE))

    def expect(function: object) -> float:
        value, _ = integrate.dblquad(lambda k, m: density(k, m) * function(k, m), 0, 1, 0, 120, epsabs=1e-11)  # type: ignore[operator]
        return float(value)

    total = expect(lambda _k, _m: 1.0)
    modes = find_modes(np.array([purchases]), np.array([users]), RATE)
    frame = Frame(*map(float, (*modes.mode[0], *modes.scale[0])))
    grid = integrate_group(np.array(purchases), np.array(users), RATE, frame)
    kappa = np.exp(grid.log_concentration)
    m = special.expit(grid.logit_mean)
    assert (grid.weight * m).sum() == pytest.approx(expect(lambda _k, m: m) / total, abs=1e-6)
    assert (grid.weight * kappa).sum() == pytest.approx(expect(lambda k, _m: k) / total, rel=1e-5)
    assert grid.edge_mass < 1e-8


def test_the_prior_integrates_to_what_its_constants_say() -> None:
    """∫∫ exp(log_prior) dt ds = 1/rate², because κ ~ Gamma(2, rate) lacks its constant and the logistic has none."""
    t, s = np.linspace(-40, 40, 2001), np.linspace(-20, 8, 2001)
    mass = np.exp(log_prior(t[:, None], s, RATE)).sum() * (t[1] - t[0]) * (s[1] - s[0])
    assert mass == pytest.approx(1 / RATE**2, rel=1e-6)
