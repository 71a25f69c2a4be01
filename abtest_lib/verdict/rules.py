"""The numbers that the rules turn on, in one place."""

from dataclasses import dataclass

import numpy as np

from abtest_lib.stats.arrays import Floats

RULES_VERSION = "4"
"""Stands in every verdict; raised when the same counts may lead to another verdict."""

METRIC = "purchase"
"""The metric that is judged; guardrails will add others."""

STRAY_SHARE = 0.001
"""An arm that the registry gives no share is a stray one, and no fault of the experiment, up to this share of users."""

STRAY_USERS, STRAY_SHARE_OF_FEW = 10, 0.01
"""In a small experiment up to so many users, while they are no more than this share."""


def most_stray_users(everybody: Floats | np.float64) -> Floats:
    """Up to how many users an arm without a share is a stray one, beside so many users of all arms.

    Examples:
        >>> most_stray_users(np.array([200.0, 4_000.0, 50_000.0])).tolist()
        [2.0, 10.0, 50.0]
    """
    most = np.maximum(STRAY_SHARE * everybody, np.minimum(STRAY_USERS, STRAY_SHARE_OF_FEW * everybody))
    return np.asarray(most)


EVERYBODY = "all"
"""The segment that is judged; others will come beside it."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Levels and limits of the verdict.

    Attributes:
        alpha: Two-sided level of the decision for a whole experiment, and of its intervals.
        validity_alpha: Level of each test of validity.
        ship_probability: Posterior probability of beating the control that `ship` needs.
        cross_exposed_warning: Share of users who saw several arms from which a reader is warned.
        cross_exposed_limit: Share above which the experiment is invalid.
        fallback_warning: Share of users without an arm above which a reader is warned.
        quarantine_warning: Share of the day's rows that were rejected above which a reader is warned.
        few_users: Users in the smallest arm below which a reader is warned.
        full_days: Days below which weekdays are not covered.
        surprising_lift: Relative lift, either way, that is too good to be true when it is significant.
        many_arms: Arms above which a reader is told what they cost.
    """

    alpha: float = 0.05
    validity_alpha: float = 0.001
    ship_probability: float = 0.95
    cross_exposed_warning: float = 0.01
    cross_exposed_limit: float = 0.10
    fallback_warning: float = 0.10
    quarantine_warning: float = 0.01
    few_users: int = 100
    full_days: int = 7
    surprising_lift: float = 0.5
    many_arms: int = 10
