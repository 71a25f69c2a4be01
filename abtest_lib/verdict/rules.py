"""The levels and limits of the rules."""

from dataclasses import dataclass

import numpy as np

from abtest_lib.stats.arrays import Floats

RULES_VERSION = "5"
"""Written with every verdict; raised when the same counts can lead to another verdict."""

METRIC = "purchase"
"""The only metric so far."""

EVERYBODY = "all"
"""The only segment so far."""

FEWEST_ARMS = 2
"""Arms that a comparison needs."""

STRAY_SHARE = 0.001
"""An arm without a registered share is stray, not a fault of the experiment, up to this share of all users."""

STRAY_USERS, STRAY_SHARE_OF_FEW = 10, 0.01
"""In a small experiment an arm is stray up to this many users, if they are no more than this share."""


def most_stray_users(everybody: Floats | np.float64) -> Floats:
    """Return the largest number of users that a stray arm can have.

    Args:
        everybody: Users of all arms.

    Examples:
        >>> most_stray_users(np.array([200.0, 4_000.0, 50_000.0])).tolist()
        [2.0, 10.0, 50.0]
    """
    most = np.maximum(STRAY_SHARE * everybody, np.minimum(STRAY_USERS, STRAY_SHARE_OF_FEW * everybody))
    return np.asarray(most)


@dataclass(frozen=True, slots=True)
class Rules:
    """Levels and limits of the verdict; a float is a proportion, an int a count.

    Attributes:
        alpha: Two-sided level of the decision for a whole experiment, and of its intervals.
        validity_alpha: Level of each test of validity.
        ship_probability: Posterior probability of beating the control that `ship` needs.
        cross_exposed_warning: Share of users who saw several arms from which a reader is warned.
        cross_exposed_limit: Share above which the experiment is invalid.
        fallback_warning: Share of users without an arm above which a reader is warned.
        quarantine_warning: Share of the day's rows that were rejected above which a reader is warned.
        few_users: Users in the smallest arm below which a reader is warned.
        minimum_conversions: Conversions, and users without one, that a test expects at least in the smaller arm.
        full_days: Days below which weekdays are not covered.
        surprising_lift: Relative lift, either way, that is too good to be true when it is significant.
        many_arms: Arms above which a reader is warned of their cost.
    """

    alpha: float = 0.05
    validity_alpha: float = 0.001
    ship_probability: float = 0.95
    cross_exposed_warning: float = 0.01
    cross_exposed_limit: float = 0.10
    fallback_warning: float = 0.10
    quarantine_warning: float = 0.01
    few_users: int = 100
    minimum_conversions: int = 10
    full_days: int = 7
    surprising_lift: float = 0.5
    many_arms: int = 10
