"""The compiled part of engine `mcmc`: NumPyro's HMC kernel, mapped over groups and chains. Imports JAX."""

from collections.abc import Callable
from functools import cache, partial
from threading import Lock
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike
from numpyro.infer import HMC

from abtest_lib.bayes.runtime import prepare_jax

CHAINS = 4
WARMUP = 300
DRAWS = 700
LEAPFROG_STEPS = 4
TARGET_ACCEPTANCE = 0.8

_COMPILING = Lock()
_GOLDEN_RATIO = 0.6180339887498949
_SHORTEST, _LONGEST = 0.4, 1.4


class Trace(NamedTuple):
    """Draws after warm-up, shape (groups, chains, draws) each outside of this module."""

    location: jax.Array
    log_concentration: jax.Array
    diverging: jax.Array


class Target(NamedTuple):
    """A density of two unknowns, one of them `log_concentration`.

    Attributes:
        log_posterior: (position, observed, sizes, rate) to the log density of one group, a scalar.
        start: (key, observed, sizes) to the position at which a chain starts.
        location: The name of the other unknown.
    """

    log_posterior: Callable[[dict[str, jax.Array], jax.Array, jax.Array, jax.Array], jax.Array]
    start: Callable[[jax.Array, jax.Array, jax.Array], dict[str, jax.Array]]
    location: str


class Sampler(Protocol):
    """(seeds, observed, sizes, rate) to draws; shapes (groups,), (groups, arms), (groups, arms), ()."""

    def __call__(self, seeds: ArrayLike, observed: ArrayLike, sizes: ArrayLike, rate: ArrayLike) -> Trace:
        """Sample every group; compiled once per shape."""


def compiled_sampler(target: Target, groups: int, arms: int) -> Sampler:
    """Compile the sampler for a density and a shape, once per process.

    NumPyro cannot trace in two threads at once, so that one of them waits for the other.

    Args:
        target: The density.
        groups: The number of groups in a batch.
        arms: The padded number of arms of each.
    """
    with _COMPILING:
        return _compile(target, groups, arms)


@cache
def _compile(target: Target, groups: int, arms: int) -> Sampler:
    prepare_jax()
    shape: Any = jax.ShapeDtypeStruct  # JAX does not say what it takes
    counts, seeds = shape((groups, arms), jnp.float64), shape((groups,), jnp.uint64)
    rate = shape((), jnp.float64)
    sample_group = partial(_sample_group, target)
    traced = jax.jit(jax.vmap(sample_group, in_axes=(0, 0, 0, None))).lower(seeds, counts, counts, rate)
    sampler: Sampler = traced.compile()
    return sampler


def _sample_group(target: Target, seed: jax.Array, observed: jax.Array, sizes: jax.Array, rate: jax.Array) -> Trace:
    key = jnp.stack([seed >> 32, seed & 0xFFFFFFFF]).astype(jnp.uint32)
    sample_chain = partial(_sample_chain, target, observed=observed, sizes=sizes, rate=rate)
    return jax.vmap(sample_chain)(jax.random.split(key, CHAINS))


def _sample_chain(target: Target, key: jax.Array, observed: jax.Array, sizes: jax.Array, rate: jax.Array) -> Trace:
    kernel = HMC(
        potential_fn=lambda position: -target.log_posterior(position, observed, sizes, rate),
        num_steps=LEAPFROG_STEPS,
        trajectory_length=None,
        dense_mass=True,
        target_accept_prob=TARGET_ACCEPTANCE,
    )
    start_key, kernel_key = jax.random.split(key)
    state = kernel.init(kernel_key, WARMUP, target.start(start_key, observed, sizes), (), {})
    # Warm-up and sampling share one loop: two would be compiled twice.
    _, trace = jax.lax.scan(partial(_transition, kernel, target.location), state, _step_scales())
    return Trace(*(draws[WARMUP:] for draws in trace))


def _transition(kernel: HMC, location: str, state: Any, scale: jax.Array) -> tuple[Any, Trace]:  # noqa: ANN401  NumPyro has no types
    """Make one HMC transition with the step size scaled for this transition only."""
    adapted = state.adapt_state
    scaled = adapted._replace(step_size=adapted.step_size * scale)
    new = kernel.sample(state._replace(adapt_state=scaled), (), {})
    is_warmup = state.i < WARMUP
    step_size = jnp.where(is_warmup, new.adapt_state.step_size, adapted.step_size)
    kept = new._replace(adapt_state=new.adapt_state._replace(step_size=step_size))
    return kept, Trace(new.z[location], new.z["log_concentration"], new.diverging)


def _step_scales() -> jax.Array:
    """Return 1 for every step of the warm-up, then evenly varying scales.

    With one fixed length, trajectories close to half a period do not mix the spread.
    The lengths do not depend on the chain's state, so the posterior stays invariant (Neal 2011, section 5.4.2.2).
    """
    varying = _SHORTEST + (_LONGEST - _SHORTEST) * (np.arange(1, DRAWS + 1) * _GOLDEN_RATIO % 1.0)
    return jnp.asarray(np.concatenate([np.ones(WARMUP), varying]))
