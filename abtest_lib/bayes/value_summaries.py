"""Posterior summaries of a metric whose values may have any sign and unit, and for which down may be better."""

import numpy as np
from numpy.typing import NDArray

from abtest_lib.bayes.hdi import highest_density_interval
from abtest_lib.bayes.summaries import MASS, ControlComparison, Moments, Summary, quantiles_of_sorted
from abtest_lib.contracts.enums import Direction

Floats = NDArray[np.float64]

_TAILS = ((1.0 - MASS) / 2.0, (1.0 + MASS) / 2.0)
_LIFT_NEEDS = 4.0
"""How many standard deviations the control must lie above 0: closer to 0 the lift has no finite interval."""


def summarise_values(values: Floats, moments: Moments, control: int | None, direction: Direction) -> Summary:
    """Summarise one group.

    Args:
        values: Joint draws of the arms' values, in the metric's unit, shape (arms, draws).
        moments: Their means and standard deviations.
        control: The control's position among the arms; None when there is none.
        direction: Which direction is better; `down` makes the smallest value best.

    Returns:
        The summary, in the metric's unit.
    """
    ascending = np.sort(values, axis=1)
    lower, upper = quantiles_of_sorted(ascending, _TAILS)
    hdi_lower, hdi_upper = highest_density_interval(ascending, MASS)
    gain = values if direction == Direction.UP else -values
    best = np.bincount(gain.argmax(axis=0), minlength=len(gain)) / gain.shape[1]
    loss = np.maximum(gain.max(axis=0).mean() - gain.mean(axis=1), 0.0)
    comparison = None if control is None else _compare(values, gain, moments, control)
    return Summary(moments, lower, upper, hdi_lower, hdi_upper, best, loss, comparison)


def _compare(values: Floats, gain: Floats, moments: Moments, control: int) -> ControlComparison:
    beats = (gain > gain[control]).mean(axis=1)
    beats[control] = np.nan
    if not moments.mean[control] > _LIFT_NEEDS * moments.sd[control]:
        return ControlComparison(beats, *np.full((3, len(beats)), np.nan))
    lift = np.sort(values / values[control] - 1.0, axis=1)
    lower, median, upper = quantiles_of_sorted(lift, (_TAILS[0], 0.5, _TAILS[1]))
    for column in (lower, median, upper):
        column[control] = np.nan
    return ControlComparison(beats, median, lower, upper)
