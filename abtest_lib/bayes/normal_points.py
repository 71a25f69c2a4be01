"""The model of a metric's arms, and exact draws of their values given its two shared parameters.

    κ    ~  Gamma(2, rate)              the worth of the other arms, in imagined users
    μ    ~  flat
    μ_v  ~  Normal(μ, σ / √κ)           value of arm v
    m_v  ~  Normal(μ_v, s_v)            what was observed, with its standard error

σ is the pooled standard deviation of a user's value. κ has the prior of α + β in the model of conversions, and does the
same: an arm of n users is pulled towards the others by the share κ / (κ + n), below 1 % at 1,000 users. A τ = σ / √κ
close to 0 has no mass, so that the posterior has no funnel. All is computed in units of σ around the weighted mean:
z = (m - centre) / σ, with the precision w = (σ / s)², about the number of users.

μ_v is integrated out by the engines; given (κ, μ) it is normal:

    μ_v | κ, μ  ~  Normal((w z + κ μ) / (w + κ), 1 / √(w + κ))
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abtest_lib.bayes.diagnostics import Diagnostics
from abtest_lib.bayes.summaries import Moments

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Standardised:
    """The arms of one group in units of σ around the weighted mean.

    Attributes:
        value: z, shape (arms,).
        precision: w, shape (arms,), all positive.
        seed: The group's own seed, below 2⁶⁰.
    """

    value: Floats
    precision: Floats
    seed: int


@dataclass(frozen=True, slots=True)
class Points:
    """Points of (κ, μ), shape (points,) each.

    Attributes:
        concentration: κ; 0 leaves the arms independent.
        location: The mean of μ given κ.
        variance: The variance of μ given κ; 0 where μ itself was drawn.
        weight: Posterior weights; they sum to one.
    """

    concentration: Floats
    location: Floats
    variance: Floats
    weight: Floats


@dataclass(frozen=True, slots=True)
class NormalDraws:
    """Posterior draws of (κ, μ) of one group.

    Attributes:
        concentration: Shape (chains, draws).
        location: Shape (chains, draws).
        divergences: Divergent transitions; None where there are no transitions.
        points: The weighted points with the most precise averages: quadrature nodes, else the draws.
    """

    concentration: Floats
    location: Floats
    divergences: int | None
    points: Points


@dataclass(frozen=True, slots=True)
class ValueDraws:
    """The draws of one group, arms in the order of `MetricGroup.fitted_arms`.

    Attributes:
        values: Values in the metric's unit, shape (arms, draws).
        moments: Their means and standard deviations.
        diagnostics: How the chains mixed; None where draws are independent.
        engine: The engine that made them.
    """

    values: Floats
    moments: Moments
    diagnostics: Diagnostics | None
    engine: str

    @property
    def problem(self) -> str | None:
        """Why the draws cannot be used, or None."""
        if not np.isfinite(self.values).all():
            return "draws of the values are not finite"
        return self.diagnostics.problem if self.diagnostics is not None else None


def draw_values(draws: NormalDraws, arms: Standardised, generator: np.random.Generator) -> Floats:
    """Draw the standardised value of every arm, one for each draw of (κ, μ); shape (arms, draws)."""
    kappa, location = draws.concentration.ravel(), draws.location.ravel()
    total = arms.precision[:, None] + kappa
    mean = (arms.precision * arms.value)[:, None] + kappa * location
    noise = generator.standard_normal(total.shape)
    return np.asarray(mean / total + noise / np.sqrt(total), dtype=np.float64)


def conditional_moments(points: Points, arms: Standardised) -> Moments:
    """Compute the moments of the standardised values, averaged over (κ, μ) analytically (Rao-Blackwell)."""
    total = arms.precision[:, None] + points.concentration
    pull = points.concentration / total
    given = (arms.precision * arms.value)[:, None] / total + pull * points.location
    mean = (given * points.weight).sum(axis=1)
    within = 1.0 / total + np.square(pull) * points.variance
    between = np.square(given - mean[:, None])
    return Moments(mean, np.sqrt(((within + between) * points.weight).sum(axis=1)))
