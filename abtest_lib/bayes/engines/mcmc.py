"""Engine `mcmc`: NumPyro's HMC over (logit mean, log concentration), every group and chain in one compiled program.

Each chain of each group adapts its own step size and dense mass matrix, so that a group's draws depend
on its counts and its seed only, never on the other groups of the batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from abtest_lib.bayes.engines.engine import Counts, Floats, HyperDraws
from abtest_lib.bayes.priors import ExponentialPrior

_BATCH_SIZES = {2: 32, 4: 32, 8: 16, 32: 8, 128: 8}
"""Padded number of arms to groups in a batch. A group's shape depends only on its own arms, so its draws do too."""


class McmcEngine:
    """Hamiltonian Monte Carlo with a few leapfrog steps of varying length."""

    name = "mcmc"

    def draw(self, groups: Sequence[Counts], prior: ExponentialPrior) -> list[HyperDraws]:
        """Draw four chains of 700 for every group; see `Engine`."""
        draws: dict[int, HyperDraws] = {}
        for batch in batches(groups):
            draws |= zip(batch.members, _run(batch, prior), strict=True)
        return [draws[position] for position in range(len(groups))]


def warm_up() -> None:
    """Import JAX and compile the sampler for experiments of two arms, so that the first fit need not wait for it."""
    from abtest_lib.bayes.models import CONVERSIONS  # noqa: PLC0415  imports JAX
    from abtest_lib.bayes.sampler import compiled_sampler  # noqa: PLC0415  the same

    arms, groups = next(iter(_BATCH_SIZES.items()))
    compiled_sampler(CONVERSIONS, groups, arms)


@dataclass(frozen=True, slots=True)
class Batch:
    """Groups of one padded shape, filled up with empty ones to a fixed size, so that XLA compiles once.

    Attributes:
        members: The positions of the real groups in the caller's sequence.
        purchases: Shape (size, arms).
        users: Shape (size, arms).
        seeds: Shape (size,), unsigned.
    """

    members: tuple[int, ...]
    purchases: Floats
    users: Floats
    seeds: NDArray[np.uint64]


def batches(groups: Sequence[Counts]) -> list[Batch]:
    """Sort groups by padded shape and cut each shape into batches of its size."""
    result = []
    for shape, size in _BATCH_SIZES.items():
        members = [position for position, group in enumerate(groups) if _padded_arms(group) == shape]
        result += [_pad(groups, members[start : start + size], shape, size) for start in range(0, len(members), size)]
    return result


def _pad(groups: Sequence[Counts], members: list[int], shape: int, size: int) -> Batch:
    purchases, users = np.zeros((size, shape)), np.zeros((size, shape))
    seeds = np.zeros(size, dtype=np.uint64)
    for row, member in enumerate(members):
        group = groups[member]
        purchases[row, : group.users.size] = group.purchases
        users[row, : group.users.size] = group.users
        seeds[row] = group.seed
    return Batch(tuple(members), purchases, users, seeds)


def _padded_arms(group: Counts) -> int:
    return next(shape for shape in _BATCH_SIZES if shape >= group.users.size)


def _run(batch: Batch, prior: ExponentialPrior) -> list[HyperDraws]:
    from abtest_lib.bayes.models import CONVERSIONS  # noqa: PLC0415  imports JAX
    from abtest_lib.bayes.sampler import compiled_sampler  # noqa: PLC0415  the same

    sample = compiled_sampler(CONVERSIONS, *batch.users.shape)
    trace = sample(batch.seeds, batch.purchases, batch.users, np.float64(prior.rate))
    logit_mean = np.asarray(trace.location)
    concentration = np.exp(np.asarray(trace.log_concentration))
    alpha, beta = concentration * expit(logit_mean), concentration * expit(-logit_mean)
    divergences = np.asarray(trace.diverging).sum(axis=(1, 2))
    return [HyperDraws(alpha[row], beta[row], int(divergences[row])) for row in range(len(batch.members))]
