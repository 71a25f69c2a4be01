"""How active regulars must be for a requested correlation of revenue from week to week."""

import math
from statistics import NormalDist

import numpy as np

from abtest_lib.errors import UsageError
from abtest_lib.traffic.amounts import ITEM_SD, USER_SD
from abtest_lib.traffic.hashing import Floats
from abtest_lib.traffic.rates import (
    ACTIVITY_SD,
    BUY_RATE,
    CHECKOUT_RATE,
    PROPENSITY_SD,
    REGULAR_BUY_RATE,
    REGULAR_CHECKOUT_RATE,
    REGULAR_SHARE,
    Regulars,
    further_visits,
    return_chance,
)

CORRELATIONS = (0.1, 0.75)
"""The least and the greatest correlation that can be requested."""
_DAYS = 7
_LEAST, _MOST = 0.1, 20.0
_QUANTILES = 40


def regulars_for(correlation: float) -> Regulars:
    """Find the regulars that give a correlation between a user's revenue in one week and in the next.

    Args:
        correlation: Pearson's correlation over users who are there in both weeks, within `CORRELATIONS`.

    Raises:
        UsageError: The correlation cannot be reached.

    Examples:
        >>> regulars = regulars_for(0.5)
        >>> round(weekly_correlation(regulars.activity), 6)
        0.5
    """
    least, greatest = CORRELATIONS
    if not least <= correlation <= greatest:
        raise UsageError(f"correlation = {correlation}: must be from {least} to {greatest}")
    low, high = _LEAST, _MOST
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if weekly_correlation(middle) < correlation else (low, middle)
    return Regulars(high)


def weekly_correlation(regular_activity: float) -> float:
    """Return the correlation of a user's revenue in two successive weeks.

    Given the user, the weeks are independent; the mean and the variance of a week follow from the user's chances to
    come, to reach the checkout and to buy, and from the log-normal amounts.
    """
    activity, chance, weight = _population(regular_activity)
    mean, variance = _weekly_orders(activity, chance)
    between_users, within_user = math.exp(USER_SD**2), math.exp(ITEM_SD**2)
    squared, noise = weight @ mean**2, weight @ (variance + mean * (within_user - 1))
    shared = between_users * squared - (weight @ mean) ** 2
    return float(shared / (shared + between_users * noise))


def _population(regular_activity: float) -> tuple[Floats, Floats, Floats]:
    """Return activity, chance to buy in a session, and weight of a grid of users, the regulars first."""
    places = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    z = np.array([NormalDist().inv_cdf(place) for place in places.tolist()])
    activity = np.repeat(np.exp(ACTIVITY_SD * z), _QUANTILES)
    chance = np.tile(CHECKOUT_RATE * BUY_RATE * np.exp(PROPENSITY_SD * z - PROPENSITY_SD**2 / 2), _QUANTILES)
    others = np.full(_QUANTILES**2, (1 - REGULAR_SHARE) / _QUANTILES**2)
    return (
        np.concatenate([[regular_activity], activity]),
        np.concatenate([[REGULAR_CHECKOUT_RATE * REGULAR_BUY_RATE], chance]),
        np.concatenate([[REGULAR_SHARE], others]),
    )


def _weekly_orders(activity: Floats, chance: Floats) -> tuple[Floats, Floats]:
    """Return mean and variance of a user's orders in a week: on a day that comes, one session and Poisson more."""
    comes, visits = return_chance(activity), 1 + further_visits(activity)
    daily = visits * chance
    within_day = chance * (1 - chance) + (visits - 1) * chance
    return _DAYS * comes * daily, _DAYS * (comes * within_day + comes * (1 - comes) * daily**2)
