"""The plain way: θ sampled too, NUTS, one chain of 500 + 5,000 steps, compiled anew for every experiment."""

import warnings
from collections.abc import Iterable

import jax
import numpy as np
import numpyro
from numpyro import distributions as dist
from numpyro.infer import MCMC, NUTS

from abtest_lib.bayes.groups import Group

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # ArviZ 0.23 announces 1.0 on import
    import arviz


def model(users: np.ndarray, purchases: np.ndarray) -> None:
    """The textbook model, as one writes it down first."""
    alpha, beta = (numpyro.sample(name, dist.Exponential(1 / 3)) for name in ("alpha", "beta"))
    with numpyro.plate("arms", len(users)):
        theta = numpyro.sample("theta", dist.Beta(alpha, beta))
        numpyro.sample("purchases", dist.Binomial(users, theta), obs=purchases)


def smallest_ess(groups: Iterable[Group]) -> float:
    """Fit every group on its own; the smallest bulk effective sample size of α and β over all of them."""
    jax.config.update("jax_enable_compilation_cache", False)
    ess = []
    for number, group in enumerate(groups):
        users, purchases = (np.array([getattr(arm, name) for arm in group.arms]) for name in ("users", "purchases"))
        mcmc = MCMC(NUTS(model), num_warmup=500, num_samples=5_000, progress_bar=False)
        mcmc.run(jax.random.key(number), users, purchases)
        draws = mcmc.get_samples(group_by_chain=True)
        ess += [float(arviz.ess(np.asarray(draws[name]))) for name in ("alpha", "beta")]
    return min(ess)
