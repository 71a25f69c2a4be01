"""Engine `mcmc`: NumPyro's HMC over (logit mean, log concentration), every group and chain in one compiled program.

Each chain of each group adapts its own step size and dense mass matrix, so that what a group gets depends on its
counts and its seed alone, never on its neighbours in the batch.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import expit

from abtest_lib.bayes.engine import Batch, Counts, HyperDraws, batches
from abtest_lib.bayes.priors import ExponentialPrior

_BATCH_SIZES = {2: 32, 4: 32, 8: 16, 32: 8, 128: 8}


class McmcEngine:
    """Hamiltonian Monte Carlo with a few leapfrog steps of varying length."""

    name = "mcmc"

    def draw(self, groups: Sequence[Counts], prior: ExponentialPrior) -> list[HyperDraws]:
        """Draw four chains of 1,000 for every group; see `Engine`."""
        draws: dict[int, HyperDraws] = {}
        for batch in batches(groups, _BATCH_SIZES):
            draws |= zip(batch.members, _run(batch, prior), strict=True)
        return [draws[position] for position in range(len(groups))]


def _run(batch: Batch, prior: ExponentialPrior) -> list[HyperDraws]:
    from abtest_lib.bayes.sampler import compiled_sampler  # noqa: PLC0415  imports JAX

    trace = compiled_sampler()(batch.seeds, batch.purchases, batch.users, prior.rate)
    logit_mean = np.asarray(trace.logit_mean)
    concentration = np.exp(np.asarray(trace.log_concentration))
    alpha, beta = concentration * expit(logit_mean), concentration * expit(-logit_mean)
    divergences = np.asarray(trace.diverging).sum(axis=(1, 2))
    return [HyperDraws(alpha[row], beta[row], int(divergences[row])) for row in range(len(batch.members))]
