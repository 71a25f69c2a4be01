"""Simulation-based calibration: parameters drawn from the prior must rank uniformly among their posterior draws."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit

from abtest_lib.bayes.engines.exact import quadrature_grids
from abtest_lib.bayes.fit import draw_groups
from abtest_lib.bayes.fit_config import FitConfig, GroupDraws, counts_of
from abtest_lib.bayes.groups import Arm, Group
from abtest_lib.bayes.priors import DEFAULT_PRIOR
from abtest_lib.bayes.quadrature import Grid

Floats = NDArray[np.float64]

QUANTITIES = ("mean", "concentration", "theta_1", "theta_1 - theta_2")
LEVEL = 0.05 / len(QUANTITIES)
_POINTS = np.arange(1, 100) / 100
_CHUNK = 128


@dataclass(frozen=True)
class Case:
    """A simulated experiment and its true quantities."""

    group: Group
    truth: Floats


def simulate(count: int, seed: int) -> list[Case]:
    """Simulate experiments with parameters from the prior: 2 to 4 arms, 20 to 20,000 users per arm."""
    rng = np.random.default_rng(seed)
    return [_simulate_one(number, rng) for number in range(count)]


def _simulate_one(number: int, rng: np.random.Generator) -> Case:
    alpha, beta = rng.exponential(1 / DEFAULT_PRIOR.rate, 2)
    arms = int(rng.integers(2, 5))
    users = np.exp(rng.uniform(np.log(20), np.log(20_000), arms)).astype(int)
    theta = rng.beta(alpha, beta, arms)
    purchases = rng.binomial(users, theta)
    named = tuple(Arm(str(i), int(n), int(x)) for i, (n, x) in enumerate(zip(users, purchases, strict=True)))
    group = Group("to_date", "2021-08-01", f"sbc/{number}", "purchase", named)
    return Case(group, np.array([alpha / (alpha + beta), alpha + beta, theta[0], theta[0] - theta[1]]))


def ranks(cases: list[Case], engine: str, seed: int) -> Floats:
    """Compute normalised ranks, shape (cases, quantities); ties are broken at random."""
    config = FitConfig(engine, DEFAULT_PRIOR, seed)
    rng = np.random.default_rng(seed)
    rows = []
    for start in range(0, len(cases), _CHUNK):
        chunk = cases[start : start + _CHUNK]
        groups = [case.group for case in chunk]
        drawn = draw_groups(groups, config)
        grids = quadrature_grids([counts_of(g, seed) for g in groups], DEFAULT_PRIOR) if engine == "exact" else []
        for i, (case, draws) in enumerate(zip(chunk, drawn, strict=True)):
            believed = _as_the_pipeline(case.group, draws, seed)
            hyper = _jittered(grids[i], rng) if grids else _mean_and_concentration(believed)
            rows.append(_ranks_of(case, believed, hyper, rng))
    return np.array(rows)


def _as_the_pipeline(group: Group, draws: GroupDraws | str, seed: int) -> GroupDraws:
    """Return the draws, or those of the other engine if they fail their diagnostics (one group in a thousand)."""
    if isinstance(draws, GroupDraws) and draws.problem is None:
        return draws
    (again,) = draw_groups([group], FitConfig("exact", DEFAULT_PRIOR, seed))
    if isinstance(again, str) or again.problem is not None:
        raise RuntimeError(f"{group.experiment_name}: both engines gave up")
    return again


def _mean_and_concentration(draws: GroupDraws) -> Floats:
    """Return every tenth draw of each chain, so that draws are nearly independent."""
    alpha, beta = draws.hyper.alpha[:, ::10].ravel(), draws.hyper.beta[:, ::10].ravel()
    return np.stack([alpha / (alpha + beta), alpha + beta])


def _jittered(grid: Grid, rng: np.random.Generator, size: int = 400) -> Floats:
    """Move draws of the quadrature's nodes at random within their cells, as the truth is no lattice point."""
    rows, columns = np.unravel_index(rng.choice(grid.weight.size, size, p=grid.weight.ravel()), grid.weight.shape)
    along_u, along_w = rng.uniform(-0.5, 0.5, (2, size))
    t, s = grid.logit_mean, grid.log_concentration
    logit = t[rows, columns] + along_u * (t[1, 0] - t[0, 0]) + along_w * (t[0, 1] - t[0, 0])
    return np.stack([expit(logit), np.exp(s[columns] + along_w * (s[1] - s[0]))])


def _ranks_of(case: Case, draws: GroupDraws, hyper: Floats, rng: np.random.Generator) -> list[float]:
    names = [arm.variant_id for arm in case.group.fitted_arms]
    by_chain = draws.conversions.conversion.reshape(len(names), *draws.hyper.alpha.shape)
    chains = by_chain[..., ::10].reshape(len(names), -1)
    first, second = chains[names.index("0")], chains[names.index("1")]
    quantities = [*hyper, first, first - second]
    return [_rank(truth, values, rng) for truth, values in zip(case.truth, quantities, strict=True)]


def _rank(truth: float, values: Floats, rng: np.random.Generator) -> float:
    below, ties = int((values < truth).sum()), int((values == truth).sum())
    return float((below + rng.integers(0, ties + 1) + rng.random()) / (values.size + 1))


def band_statistic(uniform: Floats) -> Floats:
    """Compute the smallest pointwise two-sided probability of the ECDF at 99 points (Säilynoja et al. 2022).

    Args:
        uniform: Shape (samples, count), on the unit interval.

    Returns:
        Shape (samples,).
    """
    count = uniform.shape[1]
    ecdf = np.stack([(uniform <= point).sum(axis=1) for point in _POINTS], axis=1)
    tails = np.minimum(stats.binom.cdf(ecdf, count, _POINTS), stats.binom.sf(ecdf - 1, count, _POINTS))
    return np.asarray(2 * tails.min(axis=1), dtype=np.float64)


def p_values(
    rank: Floats, simulations: int = 4000, seed: int = 1, names: tuple[str, ...] = QUANTITIES
) -> dict[str, float]:
    """Estimate how often uniform ranks would deviate further from the simultaneous band, by quantity."""
    rng = np.random.default_rng(seed)
    chunks = [band_statistic(rng.random((200, len(rank)))) for _ in range(simulations // 200)]
    null = np.concatenate(chunks)
    return {name: float((null <= band_statistic(rank[None, :, i])[0]).mean()) for i, name in enumerate(names)}
