"""The compiled part of engine `mcmc`: NumPyro's HMC kernel, mapped over groups and chains. Imports JAX."""

from functools import cache, partial
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike
from numpyro.infer import HMC

from abtest_lib.bayes.models import log_posterior
from abtest_lib.bayes.runtime import prepare_jax

CHAINS = 4
WARMUP = 300
DRAWS = 700
LEAPFROG_STEPS = 4
TARGET_ACCEPTANCE = 0.8

_GOLDEN_RATIO = 0.6180339887498949
_SHORTEST, _LONGEST = 0.4, 1.4


class Trace(NamedTuple):
    """Draws after warm-up, shape (groups, chains, draws) each outside of this module."""

    logit_mean: jax.Array
    log_concentration: jax.Array
    diverging: jax.Array


class Sampler(Protocol):
    """(seeds, purchases, users, rate) to draws; shapes (groups,), (groups, arms), (groups, arms), ()."""

    def __call__(self, seeds: ArrayLike, purchases: ArrayLike, users: ArrayLike, rate: ArrayLike) -> Trace:
        """Sample every group; compiled once per shape."""


@cache
def compiled_sampler() -> Sampler:
    """Return the sampler; one per process, so that a worker compiles every shape once."""
    prepare_jax()
    sampler: Sampler = jax.jit(jax.vmap(_sample_group, in_axes=(0, 0, 0, None)))
    return sampler


def _sample_group(seed: jax.Array, purchases: jax.Array, users: jax.Array, rate: jax.Array) -> Trace:
    key = jnp.stack([seed >> 32, seed & 0xFFFFFFFF]).astype(jnp.uint32)
    sample_chain = partial(_sample_chain, purchases=purchases, users=users, rate=rate)
    return jax.vmap(sample_chain)(jax.random.split(key, CHAINS))


def _sample_chain(key: jax.Array, purchases: jax.Array, users: jax.Array, rate: jax.Array) -> Trace:
    kernel = HMC(
        potential_fn=lambda position: -log_posterior(position, purchases, users, rate),
        num_steps=LEAPFROG_STEPS,
        trajectory_length=None,
        dense_mass=True,
        target_accept_prob=TARGET_ACCEPTANCE,
    )
    start_key, kernel_key = jax.random.split(key)
    state = kernel.init(kernel_key, WARMUP, _start(start_key, purchases, users), (), {})
    # Warm-up and sampling share one loop: two would be compiled twice.
    _, trace = jax.lax.scan(partial(_transition, kernel), state, _step_scales())
    return Trace(*(draws[WARMUP:] for draws in trace))


def _transition(kernel: HMC, state: Any, scale: jax.Array) -> tuple[Any, Trace]:  # noqa: ANN401  NumPyro has no types
    """Make one HMC transition with the step size scaled for this transition only."""
    adapted = state.adapt_state
    scaled = adapted._replace(step_size=adapted.step_size * scale)
    new = kernel.sample(state._replace(adapt_state=scaled), (), {})
    is_warmup = state.i < WARMUP
    step_size = jnp.where(is_warmup, new.adapt_state.step_size, adapted.step_size)
    kept = new._replace(adapt_state=new.adapt_state._replace(step_size=step_size))
    return kept, Trace(new.z["logit_mean"], new.z["log_concentration"], new.diverging)


def _step_scales() -> jax.Array:
    """Return 1 for every step of the warm-up, then evenly varying scales.

    With one fixed length, trajectories close to half a period do not mix the spread.
    The lengths do not depend on the chain's state, so the posterior stays invariant (Neal 2011, section 5.4.2.2).
    """
    varying = _SHORTEST + (_LONGEST - _SHORTEST) * (np.arange(1, DRAWS + 1) * _GOLDEN_RATIO % 1.0)
    return jnp.asarray(np.concatenate([np.ones(WARMUP), varying]))


def _start(key: jax.Array, purchases: jax.Array, users: jax.Array) -> dict[str, jax.Array]:
    """Draw a start around the pooled conversion and the prior's concentration, different in every chain."""
    pooled = (purchases.sum() + 0.5) / (users.sum() + 1.0)
    offsets = jax.random.normal(key, (2,))
    logit = jnp.log(pooled) - jnp.log1p(-pooled)
    return {"logit_mean": logit + offsets[0], "log_concentration": jnp.log(6.0) + offsets[1]}
