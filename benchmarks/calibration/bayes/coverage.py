"""Coverage of the 95 % interval, averaged over the rates of a band and at the worst single rate.

With counts this discrete the coverage at one rate oscillates, so averages over a band are claimed.
Only the intervals' own draws are simulated: at each of 400 rates the probability of every count is summed.
The two arms of an experiment have the same counts here; tests/statistical draws both arms at random instead.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from abtest_lib.bayes.fit import fit_groups
from abtest_lib.bayes.fit_config import FitConfig
from abtest_lib.bayes.groups import Arm, Group
from abtest_lib.bayes.posterior import GroupPosterior
from abtest_lib.bayes.priors import prior_by_name

Floats = NDArray[np.float64]

BANDS = ((0.005, 0.01), (0.01, 0.02), (0.02, 0.05), (0.05, 0.1), (0.1, 0.2), (0.2, 0.5))
USERS = (100, 200, 1_000, 10_000, 100_000, 1_000_000)
CLAIMED_FROM = 10
"""Expected purchases at the band's lower end from which 94 to 96 % are claimed."""

_RATES = 400
_FITS = 250
_NORMAL = 1.959964


@dataclass(frozen=True)
class Coverage:
    """Coverage at one number of users over one band of rates, a proportion of samples.

    Attributes:
        users: Users of each of two arms.
        low: The band's lower end.
        high: The band's upper end.
        is_claimed: Whether the band has at least ten expected purchases throughout.
        average: With the default prior, averaged over the band.
        worst: With the default prior, at the worst single rate.
        flat: With the flat prior, averaged.
        normal: Of the normal approximation p ± 1.96 √(p (1 - p) / n), averaged.
    """

    users: int
    low: float
    high: float
    is_claimed: bool
    average: float
    worst: float
    flat: float
    normal: float


def measure() -> Iterator[Coverage]:
    """Measure every band at every number of users."""
    for users in USERS:
        ends = fitted_ends(users)
        for low, high in BANDS:
            rates = np.linspace(low, high, _RATES)
            counts = np.arange(stats.binom.ppf(1e-10, users, low), stats.binom.ppf(1 - 1e-10, users, high) + 1)
            fitted = _coverage(users, rates, counts, *(np.interp(counts, ends[0], end) for end in ends[1:]))
            flat = _coverage(users, rates, counts, *stats.beta.ppf([[0.025], [0.975]], counts + 1, users - counts + 1))
            share = counts / users
            reach = _NORMAL * np.sqrt(share * (1 - share) / users)
            normal = _coverage(users, rates, counts, share - reach, share + reach)
            claimed = users * low >= CLAIMED_FROM
            yield Coverage(users, low, high, claimed, fitted.mean(), fitted.min(), flat.mean(), normal.mean())


def fitted_ends(users: int) -> tuple[Floats, Floats, Floats]:
    """Return counts and the interval's ends there: every count up to 250, then fewer, as the ends are almost linear."""
    last = int(stats.binom.ppf(1 - 1e-10, users, BANDS[-1][1]))
    counts = np.unique(np.concatenate([np.geomspace(1, last, _FITS), np.arange(min(_FITS, last) + 1)]).astype(int))
    results = fit([group_of(int(count), users, np.array([count, count])) for count in counts], "exponential")
    ends = [[result.arms[0].numbers.interval_lower, result.arms[0].numbers.interval_upper] for result in results]
    lower, upper = np.array(ends, dtype=np.float64).T
    return counts.astype(np.float64), lower, upper


def _coverage(users: int, rates: Floats, counts: Floats, lower: Floats, upper: Floats) -> Floats:
    """Compute the probability, at each rate, of a count whose interval contains the rate."""
    shares = [
        stats.binom.pmf(inside, users, rate).sum()
        for rate in rates
        for inside in [counts[(lower <= rate) & (rate <= upper)]]
    ]
    return np.array(shares)


def group_of(number: int, users: int, purchases: np.ndarray) -> Group:
    """Make a group of arms with the same users."""
    arms = tuple(Arm(str(i), users, int(x)) for i, x in enumerate(purchases))
    return Group("to_date", "2021-08-01", f"coverage/{number}", "purchase", arms)


def fit(groups: list[Group], prior: str) -> list[GroupPosterior]:
    """Fit with engine `exact`."""
    return list(fit_groups(groups, FitConfig("exact", prior_by_name(prior), seed=1)))


def covered(results: list[GroupPosterior], rates: Floats) -> float:
    """Return the share of intervals that contain their rate; one rate per group."""
    hits = [
        arm.numbers.interval_lower <= rate <= arm.numbers.interval_upper
        for result, rate in zip(results, rates, strict=True)
        for arm in result.arms
    ]
    return float(np.mean(hits))
