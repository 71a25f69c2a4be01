"""Chi-square tests over the arms of many experiments at once; the last axis holds the arms."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincc

from abtest_lib.stats.arrays import Bools, Floats, Ints, divide

MINIMUM_EXPECTED_USERS = 10.0
"""A sample-ratio test needs this many expected users in every arm."""

MINIMUM_EXPECTED_OF_A_KIND = 5.0
"""A test of balance needs this many expected users of both kinds in every arm."""


@dataclass(frozen=True, slots=True, eq=False)
class ChiSquare:
    """Chi-square tests of many groups.

    Attributes:
        statistic: Pearson's statistic; NaN where no test was made.
        degrees: Degrees of freedom; 0 where no test was made.
        p_value: NaN where no test was made.
    """

    statistic: Floats
    degrees: Ints
    p_value: Floats


def independence(purchases: npt.ArrayLike, users: npt.ArrayLike) -> ChiSquare:
    """Test that conversion is the same in all arms: Pearson's omnibus test without continuity correction.

    Args:
        purchases: Conversions, shape (..., arms).
        users: Users, same shape; an arm of zero users is left out.

    Returns:
        Tests of shape (...); none where fewer than two arms have users, or nobody or everybody converted.

    Examples:
        >>> test = independence([30, 45, 40], [500, 500, 500])
        >>> round(float(test.statistic), 6), int(test.degrees), round(float(test.p_value), 6)
        (3.296186, 2, 0.192417)
    """
    x, n = np.asarray(purchases, dtype=np.float64), np.asarray(users, dtype=np.float64)
    arms = (n > 0).sum(axis=-1)
    share = divide(x.sum(axis=-1), n.sum(axis=-1))[..., None]
    terms = divide((x - n * share) ** 2, n * share * (1 - share))
    return _finish(np.nansum(terms, axis=-1), arms - 1, usable=(arms > 1) & (share[..., 0] > 0) & (share[..., 0] < 1))


def sample_ratio(users: npt.ArrayLike, shares: npt.ArrayLike) -> ChiSquare:
    """Test that users arrived in the expected proportions: the sample-ratio-mismatch test.

    Args:
        users: Users, shape (..., arms).
        shares: Expected shares of the arms, broadcastable to it; 0 marks no arm. They are scaled to sum to one.

    Returns:
        Tests of shape (...); none where fewer than two arms are expected, or one expects fewer than 10 users.

    Examples:
        >>> round(float(sample_ratio([500, 500, 600], [0.34, 0.33, 0.33]).p_value), 9)
        0.000592638
    """
    n, share = np.broadcast_arrays(np.asarray(users, dtype=np.float64), np.asarray(shares, dtype=np.float64))
    is_arm = share > 0
    counted = np.where(is_arm, n, 0.0)
    expected = divide(share, share.sum(axis=-1, keepdims=True)) * counted.sum(axis=-1, keepdims=True)
    arms = is_arm.sum(axis=-1)
    terms = np.where(is_arm, divide((counted - expected) ** 2, expected), 0.0)
    enough = np.where(is_arm, expected, np.inf).min(axis=-1) >= MINIMUM_EXPECTED_USERS
    return _finish(np.nansum(terms, axis=-1), arms - 1, usable=(arms > 1) & enough)


def balance(part: npt.ArrayLike, users: npt.ArrayLike) -> ChiSquare:
    """Test that a part of the users, such as those who saw several arms, is spread evenly over the arms.

    Args:
        part: Users of that part, shape (..., arms).
        users: All users, same shape; an arm of zero users is left out.

    Returns:
        Tests of shape (...); none where an arm expects fewer than 5 users of either kind.

    Examples:
        >>> bool(balance([400, 600], [10_000, 10_000]).p_value < 0.001)
        True
    """
    x, n = np.asarray(part, dtype=np.float64), np.asarray(users, dtype=np.float64)
    test = independence(x, n)
    share = divide(x.sum(axis=-1), n.sum(axis=-1))
    smallest = np.where(n > 0, n, np.inf).min(axis=-1, initial=np.inf)
    rarer = np.nan_to_num(np.minimum(share, 1 - share))
    enough = np.where(np.isinf(smallest), 0.0, smallest) * rarer >= MINIMUM_EXPECTED_OF_A_KIND
    return _finish(test.statistic, test.degrees, usable=enough & (test.degrees > 0))


def constancy(new_users: npt.ArrayLike, restarts: npt.ArrayLike | None = None) -> ChiSquare:
    """Test, as of every day, that new users were split in the same proportions on all days so far.

    Days with few users are joined into blocks until an arm of an equal split would expect 10, so that the test is
    valid for small experiments; the days after the last full block are not tested yet.

    Args:
        new_users: Users who entered, shape (..., days, arms), in the order of days.
        restarts: Days on which the count starts again, shape (..., days); none by default.

    Returns:
        Tests of shape (..., days); the one of a day uses that day and those before it.

    Examples:
        >>> ramp = [[900, 100], [900, 100], [500, 500]]
        >>> constancy(ramp).p_value.round(6).tolist()
        [nan, 1.0, 0.0]
    """
    users = np.maximum(np.asarray(new_users, dtype=np.float64), 0.0)
    waiting, closed, squares = np.zeros((3, *users.shape[:-2], users.shape[-1]))
    blocks = np.zeros(users.shape[:-2])
    statistic, degrees = np.zeros(users.shape[:-1]), np.zeros(users.shape[:-1], dtype=np.int64)
    for day in range(users.shape[-2]):
        if restarts is not None:
            keep = ~np.asarray(restarts)[..., day]
            waiting, closed, squares = (values * keep[..., None] for values in (waiting, closed, squares))
            blocks = blocks * keep
        waiting = waiting + users[..., day, :]
        arms = (waiting + closed > 0).sum(axis=-1)
        full = (waiting.sum(axis=-1) >= MINIMUM_EXPECTED_USERS * arms) & (arms > 0)
        block = np.where(full[..., None], waiting, 0.0)
        waiting = waiting - block
        closed, blocks = closed + block, blocks + full
        squares = squares + np.nan_to_num(divide(block**2, block.sum(axis=-1, keepdims=True)))
        total = closed.sum(axis=-1)
        # Sum over blocks and arms of (x - n·s)²/(n·s), with s the arm's share of all closed blocks, expanded.
        statistic[..., day] = np.nansum(divide(squares * total[..., None], closed), axis=-1) - total
        degrees[..., day] = np.maximum(blocks - 1, 0) * np.maximum((closed > 0).sum(axis=-1) - 1, 0)
    return _finish(np.maximum(statistic, 0.0), degrees, usable=degrees > 0)


def _finish(statistic: Floats, degrees: npt.NDArray[np.integer], usable: Bools) -> ChiSquare:
    usable = np.asarray(usable)
    p_value = gammaincc(np.where(usable, degrees, 1) / 2, np.where(usable, np.nan_to_num(statistic), 0.0) / 2)
    return ChiSquare(
        statistic=np.asarray(np.where(usable, statistic, np.nan)),
        degrees=np.asarray(np.where(usable, degrees, 0), dtype=np.int64),
        p_value=np.asarray(np.where(usable, p_value, np.nan)),
    )
