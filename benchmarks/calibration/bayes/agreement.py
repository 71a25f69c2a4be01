"""Agreement of the two engines on random groups, from two users to twenty million and from 2 to 50 arms."""

from dataclasses import dataclass

import numpy as np

from abtest_lib.bayes import sampler
from abtest_lib.bayes.engines import exact
from abtest_lib.bayes.fit import fit_groups
from abtest_lib.bayes.fit_config import FitConfig
from abtest_lib.bayes.groups import Arm, Group
from abtest_lib.bayes.posterior import GroupPosterior
from abtest_lib.bayes.priors import DEFAULT_PRIOR

_EXACT_DRAWS, _SAMPLED_DRAWS = exact.DRAWS, sampler.CHAINS * sampler.DRAWS
_USERS = (2, 20, 100, 1_000, 10_000, 100_000, 1_000_000, 20_000_000)
_RATES = (0.0, 0.001, 0.01, 0.05, 0.2, 0.5, 0.9, 1.0)
_MANY_ARMS = (7, 12, 20, 50)


@dataclass(frozen=True)
class Agreement:
    """Differences of probability_best between the engines, in Monte Carlo standard errors.

    Attributes:
        comparisons: Arms compared.
        largest: The largest difference.
        share_above_3: The share above three.
        root_mean_square: The root mean square; at most about one when the standard errors are right.
        refitted: Groups that one of the engines failed to fit.
    """

    comparisons: int
    largest: float
    share_above_3: float
    root_mean_square: float
    refitted: int


def random_groups(count: int, seed: int, share_of_many: float = 0.04) -> list[Group]:
    """Draw groups of 2 to 6 arms, some of up to 50, with zero conversions, all conversions and rates between."""
    rng = np.random.default_rng(seed)
    return [_random_group(number, rng, share_of_many) for number in range(count)]


def _random_group(number: int, rng: np.random.Generator, share_of_many: float) -> Group:
    arms = int(rng.choice(_MANY_ARMS)) if rng.random() < share_of_many else int(rng.integers(2, 7))
    users = rng.choice(_USERS) if rng.random() < 0.7 else rng.choice(_USERS, arms)
    rate = np.minimum(rng.choice(_RATES) * np.exp(0.1 * rng.normal(size=arms)), 1.0)
    users = np.broadcast_to(users, arms)
    counts = zip(users, rng.binomial(users, rate), strict=True)
    named = tuple(Arm(str(i), int(n), int(x)) for i, (n, x) in enumerate(counts))
    return Group("to_date", "2021-08-01", f"agreement/{number}", "purchase", named, control_id="0")


def compare(groups: list[Group], seed: int) -> Agreement:
    """Fit with both engines and compare."""
    exact, sampled = (list(fit_groups(groups, FitConfig(engine, DEFAULT_PRIOR, seed))) for engine in ("exact", "mcmc"))
    distances = np.concatenate([_distances(*pair) for pair in zip(exact, sampled, strict=True)])
    refitted = sum(result.status != "ok" for result in (*exact, *sampled))
    return Agreement(
        comparisons=distances.size,
        largest=float(distances.max()),
        share_above_3=float((distances > 3).mean()),
        root_mean_square=float(np.sqrt(np.square(distances).mean())),
        refitted=refitted,
    )


def _distances(by_exact: GroupPosterior, sampled: GroupPosterior) -> np.ndarray:
    first, second = (np.array([arm.numbers.probability_best for arm in result.arms]) for result in (by_exact, sampled))
    pooled = np.clip((first + second) / 2, 1 / _EXACT_DRAWS, 1 - 1 / _EXACT_DRAWS)
    draws = min(_SAMPLED_DRAWS, sampled.ess_bulk or _EXACT_DRAWS)
    return np.asarray(np.abs(first - second) / np.sqrt(pooled * (1 - pooled) * (1 / _EXACT_DRAWS + 1 / draws)))
