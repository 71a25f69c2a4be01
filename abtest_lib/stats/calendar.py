"""Which days hold a real share of the users, and which only events of wrong clocks.

A day is real when it has at least a share of the users of a typical day, the day on which the average user-day falls:
Σu²/Σu over the days so far. One busy day does not make the others stray, and many stray days do not become typical.
"""

import numpy as np

from abtest_lib.stats.arrays import Bools, Floats, Ints, divide

REAL_SHARE = 0.05
"""Share of a typical day's users below which a day is stray."""


def last_real_day(users: Floats, share: float = REAL_SHARE) -> Ints:
    """Find, as of each day, the last day so far that is real.

    Args:
        users: Users of each day, (T,), in order of the days.
        share: Share of a typical day's users that makes a day real.

    Returns:
        Index of a day for each day, (T,); no later day changes it.

    Examples:
        >>> last_real_day(np.array([1.0, 50, 60, 55, 1])).tolist()
        [0, 1, 2, 3, 3]
    """
    limit = share * _typical(users[None, :])[0]
    found = np.arange(users.size)
    for day in range(users.size):
        while found[day] > 0 and users[found[day]] < limit[day]:
            found[day] -= 1
    return found


def stray_days(users: Floats, share: float = REAL_SHARE) -> Bools:
    """Find the days with too few users to be real, as of the last day.

    Args:
        users: Users of each day, (T,), in order of the days.
        share: Share of a typical day's users that makes a day real.

    Examples:
        >>> stray_days(np.array([1.0, 50, 60, 55, 1])).tolist()
        [True, False, False, False, True]
    """
    if users.size == 0:
        return np.zeros(0, dtype=bool)
    return np.asarray(users < share * _typical(users[None, :])[0, -1])


def first_real_day(users: Floats, is_first: Bools, share: float = REAL_SHARE) -> Ints:
    """Find, as of each day of many histories, the first real day of the period.

    Args:
        users: Users of each day, (E, T); 0 where there are none.
        is_first: Whether a period starts on the day, (E, T).
        share: Share of a typical day's users that makes a day real.

    Returns:
        Index of a day for each day, (E, T); the first day of the period where no day has users.

    Examples:
        >>> first_real_day(np.array([[1.0, 50, 60]]), np.array([[True, False, False]])).tolist()
        [[0, 1, 1]]
    """
    period = np.cumsum(is_first, axis=1, dtype=np.int64)
    limit = share * _typical(users, period)
    days = np.arange(users.shape[1])
    start = np.maximum.accumulate(np.where(is_first, days, 0), axis=1)
    found = start.copy()
    for day in days[::-1]:
        is_real = (users[:, day, None] > 0) & (users[:, day, None] >= limit) & (period == period[:, day, None])
        found = np.where(is_real & (day <= days), day, found)
    return found


def _typical(users: Floats, period: Ints | None = None) -> Floats:
    """Return the users of a typical day so far, (E, T); within a period where periods are given."""
    sums, squares = np.cumsum(users, axis=1), np.cumsum(users**2, axis=1)
    if period is not None:
        before_sums, before_squares = sums - users, squares - users**2
        start = np.maximum.accumulate(
            np.where(np.diff(period, axis=1, prepend=-1) != 0, np.arange(users.shape[1]), 0), axis=1
        )
        sums = sums - np.take_along_axis(before_sums, start, 1)
        squares = squares - np.take_along_axis(before_squares, start, 1)
    return np.nan_to_num(divide(squares, sums))
