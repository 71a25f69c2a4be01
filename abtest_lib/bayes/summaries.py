"""Posterior summaries: one vectorised pass over the draws of a group."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abtest_lib.bayes.draws import ConversionDraws
from abtest_lib.bayes.engines.engine import Nodes
from abtest_lib.bayes.hdi import highest_density_interval

Floats = NDArray[np.float64]

MASS = 0.95
"""The posterior mass of every interval."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean and standard deviation of each arm's conversion.

    Attributes:
        mean: Shape (arms,), a proportion.
        sd: Shape (arms,), a proportion.
    """

    mean: Floats
    sd: Floats


def conditional_moments(support: Nodes, purchases: Floats, users: Floats) -> Moments:
    """Compute the moments of θ, averaged over (α, β) analytically, not over draws of θ (Rao-Blackwell).

    Args:
        support: Weighted points of (α, β).
        purchases: Shape (arms,).
        users: Shape (arms,).

    Returns:
        The moments: E[θ] = E[μ] and Var[θ] = E[μ (1 - μ) / (α + β + users + 1)] + Var[μ], where μ is the mean of θ
        given α and β.
    """
    total = support.alpha + support.beta + users[:, None]
    mu = (support.alpha + purchases[:, None]) / total
    not_mu = (support.beta + (users - purchases)[:, None]) / total
    # Sums, not matrix products: a BLAS may add in another order with another number of threads.
    mean = (mu * support.weight).sum(axis=1)
    within, between = mu * not_mu / (total + 1.0), np.square(mu - mean[:, None])
    return Moments(mean, np.sqrt(((within + between) * support.weight).sum(axis=1)))


@dataclass(frozen=True, slots=True)
class ControlComparison:
    """Every arm compared with the control; NaN for the control itself.

    Attributes:
        probability_beats_control: P(θ_v > θ_c), shape (arms,).
        lift_median: Median of θ_v / θ_c - 1, a ratio (0.02 is 2 %), shape (arms,); NaN throughout when the control has
            no purchase, because the lift's upper tail is then all prior.
        lift_lower: Its 2.5 % quantile.
        lift_upper: Its 97.5 % quantile.
    """

    probability_beats_control: Floats
    lift_median: Floats
    lift_lower: Floats
    lift_upper: Floats


@dataclass(frozen=True, slots=True)
class Summary:
    """The posterior of one group in numbers; every array has the shape (arms,).

    Attributes:
        moments: Mean and standard deviation.
        interval_lower: 2.5 % quantile of θ, a proportion.
        interval_upper: 97.5 % quantile of θ.
        hdi_lower: Lower end of the narrowest interval with 95 % of the mass.
        hdi_upper: Its upper end.
        probability_best: P(θ_v is the largest); sums to one.
        expected_loss: E[largest θ - θ_v]: the conversion lost by choosing the arm, a proportion.
        comparison: Comparison with the control; None when there is none.
    """

    moments: Moments
    interval_lower: Floats
    interval_upper: Floats
    hdi_lower: Floats
    hdi_upper: Floats
    probability_best: Floats
    expected_loss: Floats
    comparison: ControlComparison | None


def summarise(draws: ConversionDraws, moments: Moments, purchases: Floats, control: int | None) -> Summary:
    """Summarise one group.

    Args:
        draws: The joint draws.
        moments: The result of `conditional_moments`.
        purchases: Shape (arms,).
        control: The control's position among the arms; None when there is none.

    Returns:
        The summary.
    """
    conversion = draws.conversion
    ascending = np.sort(conversion, axis=1)
    lower, upper = quantiles_of_sorted(ascending, ((1.0 - MASS) / 2.0, (1.0 + MASS) / 2.0))
    hdi_lower, hdi_upper = highest_density_interval(ascending, MASS)
    winners = draws.log_odds.argmax(axis=0)
    best = np.bincount(winners, minlength=len(purchases)) / winners.size
    loss = conversion.max(axis=0).mean() - conversion.mean(axis=1)
    comparison = None if control is None else _compare(draws, control, has_lift=bool(purchases[control] > 0))
    return Summary(moments, lower, upper, hdi_lower, hdi_upper, best, np.maximum(loss, 0.0), comparison)


def _compare(draws: ConversionDraws, control: int, *, has_lift: bool) -> ControlComparison:
    beats = (draws.log_odds > draws.log_odds[control]).mean(axis=1)
    beats[control] = np.nan
    median, lower, upper = np.full((3, len(beats)), np.nan)
    if has_lift:
        log_conversion = draws.log_conversion
        log_ratio = np.sort(log_conversion - log_conversion[control], axis=1)
        lifts = np.expm1(quantiles_of_sorted(log_ratio, ((1.0 - MASS) / 2.0, 0.5, (1.0 + MASS) / 2.0)))
        lifts[:, control] = np.nan
        lower, median, upper = lifts
    return ControlComparison(beats, median, lower, upper)


def quantiles_of_sorted(ascending: Floats, probabilities: tuple[float, ...]) -> Floats:
    """Interpolate quantiles linearly along the last axis of sorted draws, as `np.quantile` does.

    Args:
        ascending: Shape (quantities, draws), ascending.
        probabilities: Which quantiles.

    Returns:
        Shape (probabilities, quantities).

    Examples:
        >>> quantiles_of_sorted(np.array([[0.0, 1.0, 2.0, 3.0]]), (0.5,)).tolist()
        [[1.5]]
    """
    position = np.asarray(probabilities) * (ascending.shape[1] - 1)
    below = np.minimum(np.floor(position).astype(int), ascending.shape[1] - 2)
    weight = position - below
    return np.asarray((ascending[:, below] * (1.0 - weight) + ascending[:, below + 1] * weight).T, dtype=np.float64)
