"""Calibration of the posteriors of means and ratios: ranks under the model, coverage with traffic that breaks it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abtest_lib.bayes.engines.exact_normal import draw_exactly
from abtest_lib.bayes.engines.mcmc_normal import draw_by_chains
from abtest_lib.bayes.fit_config import FitConfig
from abtest_lib.bayes.fit_metrics import fit_metric_groups
from abtest_lib.bayes.metric_groups import ArmSums, MetricArm, MetricGroup
from abtest_lib.bayes.normal_points import NormalDraws, Standardised, draw_values
from abtest_lib.bayes.posterior import GroupPosterior
from abtest_lib.bayes.priors import DEFAULT_PRIOR
from benchmarks.calibration.bayes import sbc

Floats = NDArray[np.float64]
Users = dict[str, Floats]

QUANTITIES = ("concentration", "value_1", "value_1 - value_2")
_EVERY = 10


@dataclass(frozen=True)
class Case:
    """Arms simulated from the model around a mean of 0, in units of a user's standard deviation, and the truth."""

    arms: Standardised
    truth: Floats


def simulate(count: int, seed: int) -> list[Case]:
    """Simulate experiments: κ from its prior, 2 to 4 arms, 20 to 20,000 users per arm, known standard errors.

    The flat prior of the mean is proper for no simulation. Ranks of differences, and of values, do not depend on the
    true mean, so that any one serves.
    """
    rng = np.random.default_rng(seed)
    return [_simulate_one(number, rng) for number in range(count)]


def _simulate_one(number: int, rng: np.random.Generator) -> Case:
    kappa, arms = rng.gamma(2.0, 1.0 / DEFAULT_PRIOR.rate), int(rng.integers(2, 5))
    users = np.exp(rng.uniform(np.log(20), np.log(20_000), arms)).astype(int).astype(np.float64)
    value = rng.normal(0.0, 1.0 / np.sqrt(kappa), arms)
    observed = rng.normal(value, 1.0 / np.sqrt(users))
    return Case(Standardised(observed, users, number), np.array([kappa, value[0], value[0] - value[1]]))


def ranks(cases: list[Case], engine: str, seed: int) -> Floats:
    """Compute normalised ranks, shape (cases, quantities)."""
    draw = draw_exactly if engine == "exact" else draw_by_chains
    rng = np.random.default_rng(seed)
    drawn = draw([case.arms for case in cases], DEFAULT_PRIOR)
    return np.array([_ranks_of(case, draws, rng) for case, draws in zip(cases, drawn, strict=True)])


def _ranks_of(case: Case, draws: NormalDraws, rng: np.random.Generator) -> list[float]:
    values = draw_values(draws, case.arms, rng)
    step = 1 if draws.divergences is None else _EVERY
    first, second = values.reshape(values.shape[0], *draws.location.shape)[:2, :, ::step].reshape(2, -1)
    pairs = zip(case.truth[1:], (first, first - second), strict=True)
    return [_concentration_rank(case, draws, rng), *(_rank(truth, drawn, rng) for truth, drawn in pairs)]


def _concentration_rank(case: Case, draws: NormalDraws, rng: np.random.Generator) -> float:
    if draws.divergences is not None:
        return _rank(case.truth[0], draws.concentration[:, ::_EVERY].ravel(), rng)
    # The truth is no node of the quadrature: its rank is the distribution function, linear within cells.
    weight, s = draws.points.weight, np.log(draws.points.concentration)
    return float(np.interp(np.log(case.truth[0]), s + 0.5 * (s[1] - s[0]), weight.cumsum()))


def _rank(truth: float, values: Floats, rng: np.random.Generator) -> float:
    return float(((values < truth).sum() + rng.random()) / (values.size + 1))


def p_values(rank: Floats, simulations: int = 4000) -> dict[str, float]:
    """Estimate how often uniform ranks would deviate further from the simultaneous band, by quantity."""
    return sbc.p_values(rank, simulations, names=QUANTITIES)


def _orders(rng: np.random.Generator, users: int) -> Users:
    """Counts of 0.5 a user, with rates that differ between users."""
    return {"x": rng.poisson(rng.gamma(0.5, 1.0, users)).astype(np.float64)}


def _revenue(rng: np.random.Generator, users: int) -> Users:
    """Log-normal revenue with 95 % zeros: a mean of 0.05 · e^(3.5) · e^(1/2)."""
    return {"x": np.where(rng.random(users) < 0.05, rng.lognormal(3.5, 1.0, users), 0.0)}


def _ratio(rng: np.random.Generator, users: int) -> Users:
    """Searches per visit with a covariate: every user's rate persists."""
    rate, visits = rng.gamma(2.0, 0.25, users), 1.0 + rng.poisson(2.0, users)
    return {"x": rng.poisson(rate * visits).astype(np.float64), "y": visits, "c": rng.poisson(rate * 3.0) * 1.0}


TRAFFIC: dict[str, tuple[Callable[[np.random.Generator, int], Users], float]] = {
    "orders": (_orders, 0.5),
    "revenue": (_revenue, 0.05 * float(np.exp(4.0))),
    "ratio, covariate": (_ratio, 0.5),
}
"""Name to a generator of users and the true value."""


@dataclass(frozen=True)
class Coverage:
    """What 95 % intervals and probabilities are worth without an effect, shares of experiments.

    Attributes:
        traffic: The kind of metric.
        users: Users of each of two arms.
        covered: Intervals of an arm's value that hold the truth.
        lift_covered: Intervals of the lift that hold 0, of those that there are; None without any.
        sure: Experiments in which one arm beats the other with more than 97.5 % in either direction.
    """

    traffic: str
    users: int
    covered: float
    lift_covered: float | None
    sure: float


def coverage(experiments: int, seed: int, users: tuple[int, ...] = (200, 2_000, 20_000)) -> Iterator[Coverage]:
    """Measure every kind of traffic at every size."""
    for name in TRAFFIC:
        for count in users:
            yield measure(name, count, experiments, seed)


def measure(name: str, users: int, experiments: int, seed: int) -> Coverage:
    """Measure one cell."""
    generate, truth = TRAFFIC[name]
    rng = np.random.default_rng((seed, users))
    groups = (_group(number, [generate(rng, users) for _ in range(2)]) for number in range(experiments))
    fitted = [
        result for result in fit_metric_groups(groups, FitConfig("exact", DEFAULT_PRIOR, seed)) if _is_whole(result)
    ]
    numbers = [arm.numbers for result in fitted for arm in result.arms]
    ends = np.array([[item.interval_lower, item.interval_upper] for item in numbers], dtype=np.float64)
    arms = [result.arms[1].numbers for result in fitted]
    lifts = np.array([[a.lift_lower, a.lift_upper] for a in arms if a.lift_lower is not None], dtype=np.float64)
    beats = np.array([a.probability_beats_control for a in arms], dtype=np.float64)
    sure = float((np.abs(beats - 0.5) > 0.475).mean())
    return Coverage(name, users, _share_holding(ends, truth), _share_holding(lifts, 0.0) if len(lifts) else None, sure)


def _share_holding(ends: Floats, truth: float) -> float:
    return float(((ends[:, 0] <= truth) & (truth <= ends[:, 1])).mean())


def _is_whole(result: GroupPosterior) -> bool:
    return result.status == "ok" and all(arm.problem is None for arm in result.arms)


def _group(number: int, arms: list[Users]) -> MetricGroup:
    named = tuple(MetricArm(str(i), arm["x"].size, sums_of(arm)) for i, arm in enumerate(arms))
    return MetricGroup("to_date", "2021-08-01", f"metrics/{number}", "metric", named, "0", seed=number)


def sums_of(users: Users) -> ArmSums:
    """Add up the values of users: all products of x, y and c that there are."""
    names = [name for name in "xyc" if name in users]
    sums = {f"sum_{name}": float(users[name].sum()) for name in names}
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i:]]
    return ArmSums(**sums, **{f"sum_{a}{b}": float((users[a] * users[b]).sum()) for a, b in pairs})
