"""Coverage of the 95 % interval, averaged over rates drawn within a band, and at the worst single rate."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

from abtest_lib.bayes.fit import fit_groups
from abtest_lib.bayes.groups import Arm, Group
from abtest_lib.bayes.plan import Plan
from abtest_lib.bayes.posterior import GroupPosterior
from abtest_lib.bayes.priors import prior_by_name

BANDS = ((0.005, 0.01), (0.01, 0.02), (0.02, 0.05), (0.05, 0.1), (0.1, 0.2), (0.2, 0.5))
USERS = (100, 1_000, 10_000, 100_000, 1_000_000)
CLAIMED_FROM = 10
"""Expected purchases at the band's lower end from which 94 to 96 % are claimed."""


@dataclass(frozen=True)
class Coverage:
    """Coverage at one number of users over one band of rates, as shares of intervals.

    Attributes:
        users: Users of each of two arms.
        low: The band's lower end.
        high: The band's upper end.
        average: With the default prior, averaged over the band.
        worst: With the default prior at the worst single rate of the band; None where discreteness no longer matters.
        flat: With the flat prior, averaged.
        normal: Of the normal approximation p ± 1.96 √(p (1 - p) / n), averaged.
    """

    users: int
    low: float
    high: float
    average: float
    worst: float | None
    flat: float
    normal: float

    @property
    def is_claimed(self) -> bool:
        """Whether the band has at least ten expected purchases throughout."""
        return self.users * self.low >= CLAIMED_FROM


def measure(groups: int, seed: int) -> Iterator[Coverage]:
    """Measure every band at every number of users, `groups` experiments of two arms with one rate each time."""
    for users in USERS:
        for low, high in BANDS:
            yield _measure_band(users, low, high, groups, np.random.default_rng((seed, users, round(low * 1e4))))


def _measure_band(users: int, low: float, high: float, count: int, rng: np.random.Generator) -> Coverage:
    rates = rng.uniform(low, high, count)
    purchases = rng.binomial(users, rates[:, None], (count, 2))
    groups = [group_of(number, users, row) for number, row in enumerate(purchases)]
    average, flat = (covered(fit(groups, prior), rates) for prior in ("exponential", "flat"))
    shares = purchases / users
    reach = 1.959964 * np.sqrt(shares * (1 - shares) / users)
    normal = float((np.abs(shares - rates[:, None]) <= reach).mean())
    return Coverage(users, low, high, average, _worst(users, low, high), flat, normal)


def group_of(number: int, users: int, purchases: np.ndarray) -> Group:
    """Two arms with the same users."""
    arms = tuple(Arm(str(i), users, int(x)) for i, x in enumerate(purchases))
    return Group("to_date", "2021-08-01", f"coverage/{number}", "purchase", arms)


def fit(groups: list[Group], prior: str) -> list[GroupPosterior]:
    """Fit with engine `exact`."""
    return list(fit_groups(groups, Plan("exact", prior_by_name(prior), seed=1)))


def covered(results: list[GroupPosterior], rates: np.ndarray) -> float:
    """The share of intervals that hold their rate; one rate for each group."""
    hits = [
        arm.numbers.interval_lower <= rate <= arm.numbers.interval_upper
        for result, rate in zip(results, rates, strict=True)
        for arm in result.arms
    ]
    return float(np.mean(hits))


def _worst(users: int, low: float, high: float) -> float | None:
    """The lowest coverage over 200 rates, summed over every count of one arm while the other has the same count."""
    last = int(stats.binom.ppf(1 - 1e-6, users, high))
    if last > 400:
        return None
    results = fit([group_of(x, users, np.array([x, x])) for x in range(last + 1)], "exponential")
    lower = np.array([result.arms[0].numbers.interval_lower for result in results])
    upper = np.array([result.arms[0].numbers.interval_upper for result in results])
    rates = np.linspace(low, high, 200)[:, None]
    mass = stats.binom.pmf(np.arange(last + 1), users, rates)
    return float(np.where((lower <= rates) & (rates <= upper), mass, 0.0).sum(axis=1).min())
