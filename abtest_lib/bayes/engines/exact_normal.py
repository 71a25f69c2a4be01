"""Engine `exact` for metrics of the catalogue: quadrature over log κ, with μ integrated out analytically.

Given κ, μ has the precision Σ 1/V and the mean Σ (z/V) / Σ 1/V, where V = 1/w + 1/κ is the variance of z around μ. The
density of s = log κ is smooth and vanishes at both ends, where the trapezoidal rule converges exponentially fast.
"""

from collections.abc import Sequence

import numpy as np

from abtest_lib.bayes.engines.exact import DRAWS, draw_nodes
from abtest_lib.bayes.normal_points import Floats, NormalDraws, Points, Standardised
from abtest_lib.bayes.priors import ExponentialPrior, FixedPrior

NODES = 256
_COARSE = np.linspace(-60.0, 20.0, 241)
_NEGLIGIBLE = 1e-14


def draw_exactly(groups: Sequence[Standardised], prior: ExponentialPrior | FixedPrior) -> list[NormalDraws]:
    """Draw 3,000 of (κ, μ) for every group.

    Args:
        groups: The groups.
        prior: With a fixed one, which concerns conversions only, the arms are independent.

    Returns:
        The draws in the order of the groups.
    """
    return [_draw(group, prior) for group in groups]


def _draw(group: Standardised, prior: ExponentialPrior | FixedPrior) -> NormalDraws:
    points = _independent() if isinstance(prior, FixedPrior) else quadrature(group, prior.rate)
    generator = np.random.default_rng((group.seed, 1))
    drawn = draw_nodes(points.weight, generator.random())
    location = points.location[drawn] + np.sqrt(points.variance[drawn]) * generator.standard_normal(DRAWS)
    return NormalDraws(points.concentration[drawn][None, :], location[None, :], None, points)


def _independent() -> Points:
    zero = np.zeros(1)
    return Points(zero, zero, zero, np.ones(1))


def quadrature(group: Standardised, rate: float) -> Points:
    """Integrate the posterior of κ.

    Args:
        group: The arms.
        rate: The rate of the exponential priors.

    Returns:
        The nodes with more than a negligible weight.
    """
    coarse = _log_density(_COARSE, group, rate)[0]
    inside = _COARSE[coarse > coarse.max() + np.log(_NEGLIGIBLE)]
    cell = _COARSE[1] - _COARSE[0]
    s = np.linspace(inside[0] - cell, inside[-1] + cell, NODES)
    density, location, variance = _log_density(s, group, rate)
    weight = np.exp(density - density.max())
    return Points(np.exp(s), location, variance, weight / weight.sum())


def _log_density(s: Floats, group: Standardised, rate: float) -> tuple[Floats, Floats, Floats]:
    """Return the log density of s, and mean and variance of μ given s; shape (nodes,) each."""
    inverse = 1.0 / (1.0 / group.precision[:, None] + np.exp(-s))
    total = inverse.sum(axis=0)
    location = (inverse * group.value[:, None]).sum(axis=0) / total
    squares = (inverse * np.square(group.value[:, None] - location)).sum(axis=0)
    likelihood = 0.5 * (np.log(inverse).sum(axis=0) - np.log(total) - squares)
    return likelihood + 2.0 * s - rate * np.exp(s), location, 1.0 / total
