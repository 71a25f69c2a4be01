"""Engine `mcmc` for metrics of the catalogue: the sampler of conversions over (μ, log κ), in batches of one shape."""

from collections.abc import Sequence

import numpy as np

from abtest_lib.bayes.engines.exact_normal import draw_exactly
from abtest_lib.bayes.normal_points import NormalDraws, Points, Standardised
from abtest_lib.bayes.priors import ExponentialPrior, FixedPrior

_BATCH_SIZES = {8: 32, 128: 8}
"""Padded number of arms to groups in a batch. Padding costs less than compiling a shape for every number of arms."""


def draw_by_chains(groups: Sequence[Standardised], prior: ExponentialPrior | FixedPrior) -> list[NormalDraws]:
    """Draw four chains of 700 for every group; a fixed prior leaves nothing to sample.

    Returns:
        The draws in the order of the groups; a group's draws do not depend on the other groups.
    """
    if isinstance(prior, FixedPrior):
        return draw_exactly(groups, prior)
    draws: dict[int, NormalDraws] = {}
    for arms, size in _BATCH_SIZES.items():
        members = [position for position, group in enumerate(groups) if _padded_arms(group) == arms]
        for start in range(0, len(members), size):
            batch = members[start : start + size]
            draws |= zip(batch, _run([groups[position] for position in batch], (size, arms), prior.rate), strict=True)
    return [draws[position] for position in range(len(groups))]


def _padded_arms(group: Standardised) -> int:
    return next(arms for arms in _BATCH_SIZES if arms >= group.value.size)


def _run(groups: list[Standardised], shape: tuple[int, int], rate: float) -> list[NormalDraws]:
    from abtest_lib.bayes.normal_model import VALUES  # noqa: PLC0415  imports JAX
    from abtest_lib.bayes.sampler import compiled_sampler  # noqa: PLC0415  the same

    value, precision, seeds = np.zeros(shape), np.ones(shape), np.zeros(shape[0], dtype=np.uint64)
    for row, group in enumerate(groups):
        count = group.value.size
        value[row, :count], precision[row] = group.value, 0.0
        precision[row, :count] = group.precision
        seeds[row] = group.seed
    trace = compiled_sampler(VALUES, *shape)(seeds, value, precision, np.float64(rate))
    location, concentration = np.asarray(trace.location), np.exp(np.asarray(trace.log_concentration))
    divergences = np.asarray(trace.diverging).sum(axis=(1, 2))
    return [_draws(concentration[row], location[row], int(divergences[row])) for row in range(len(groups))]


def _draws(concentration: np.ndarray, location: np.ndarray, divergences: int) -> NormalDraws:
    kappa, mu = concentration.ravel(), location.ravel()
    points = Points(kappa, mu, np.zeros(kappa.size), np.full(kappa.size, 1.0 / kappa.size))
    return NormalDraws(concentration, location, divergences, points)
