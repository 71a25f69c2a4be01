"""The model of `normal_points.py` as a NumPyro program; μ_v is integrated out. Imports JAX.

    z_v  ~  Normal(μ, √(1/κ + 1/w_v))

Like conversions, the sampler has two unknowns whatever the number of arms, and needs no non-centred arms.
"""

import jax
import jax.numpy as jnp
import numpyro
from numpyro import distributions as dist
from numpyro.infer.util import log_density

from abtest_lib.bayes.sampler import Target


def normal_model(value: jax.Array, precision: jax.Array, rate: jax.Array) -> None:
    """Define the model.

    Args:
        value: Standardised values by arm, shape (arms,), float64.
        precision: Their precisions, shape (arms,), float64. An arm that only pads the shape has zero in both.
        rate: The rate of the exponential priors, a scalar.
    """
    log_gamma = dist.TransformedDistribution(dist.Gamma(2.0, rate), dist.transforms.ExpTransform().inv)
    location = numpyro.sample("location", dist.ImproperUniform(dist.constraints.real, (), ()))
    log_concentration = numpyro.sample("log_concentration", log_gamma)
    is_arm = precision > 0.0
    variance = jnp.exp(-log_concentration) + 1.0 / jnp.where(is_arm, precision, 1.0)
    with numpyro.plate("arms", value.shape[0]):
        numpyro.sample("value", dist.Normal(location, jnp.sqrt(variance)).mask(is_arm), obs=value)


def log_posterior(position: dict[str, jax.Array], value: jax.Array, precision: jax.Array, rate: jax.Array) -> jax.Array:
    """Compute the unnormalised log posterior density of (μ, log κ), a scalar in nats."""
    density: jax.Array = log_density(normal_model, (value, precision, rate), {}, position)[0]
    return density


def start(key: jax.Array, value: jax.Array, precision: jax.Array) -> dict[str, jax.Array]:
    """Draw a start around the weighted mean and the prior's concentration, different in every chain."""
    pooled = (precision * value).sum() / precision.sum()
    offsets = jax.random.normal(key, (2,))
    return {"location": pooled + 0.3 * offsets[0], "log_concentration": jnp.log(6.0) + offsets[1]}


VALUES = Target(log_posterior, start, "location")
"""What the sampler needs to draw (μ, log κ)."""
