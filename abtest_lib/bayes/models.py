"""The model of one experiment's conversions.

    α, β         ~  Exponential(rate)                      shared by the arms of this experiment
    θ_v          ~  Beta(α, β)                             conversion of arm v
    purchases_v  ~  Binomial(users_v, θ_v)                 what was counted

θ is integrated out, which leaves two unknowns whatever the number of arms; given them, θ_v is drawn exactly:

    purchases_v         ~  BetaBinomial(users_v, α, β)
    θ_v | α, β, counts  ~  Beta(α + purchases_v, β + users_v - purchases_v)

The sampler moves in (logit mean, log concentration), where the posterior is closest to round. With mean
m = α / (α + β) and concentration κ = α + β the exponentials become m ~ Uniform(0, 1) and κ ~ Gamma(2, rate),
independent of each other (the Jacobian of (α, β) -> (m, κ) is κ). On the two new scales, Jacobians included:

    logit m  ~  Logistic(0, 1)
    log κ    ~  the logarithm of a Gamma(2, rate)
"""

import jax
import jax.numpy as jnp
import numpyro
from numpyro import distributions as dist
from numpyro.infer.util import log_density

from abtest_lib.bayes.log_gamma import log_rising
from abtest_lib.bayes.sampler import Target


class BetaBinomial(dist.BetaBinomial):  # type: ignore[misc]  # numpyro has no types
    """NumPyro's Beta-Binomial without the binomial coefficient, a constant, and with cheaper special functions."""

    def log_prob(self, value: jax.Array) -> jax.Array:
        """Compute the log-likelihood of `value` successes, up to a constant; zero without trials."""
        alpha, beta, trials = self.concentration1, self.concentration0, self.total_count
        successes, failures = log_rising(alpha, value), log_rising(beta, trials - value)
        return successes + failures - log_rising(alpha + beta, trials)


def conversion_model(purchases: jax.Array, users: jax.Array, rate: jax.Array) -> None:
    """Define the model above as a NumPyro program.

    Args:
        purchases: Purchases by arm, shape (arms,), float64. An arm that only pads the shape has zero in both.
        users: Users by arm, shape (arms,), float64.
        rate: The rate of the exponential priors, a scalar.
    """
    log_gamma = dist.TransformedDistribution(dist.Gamma(2.0, rate), dist.transforms.ExpTransform().inv)
    logit_mean = numpyro.sample("logit_mean", dist.Logistic(0.0, 1.0))
    log_concentration = numpyro.sample("log_concentration", log_gamma)
    alpha, beta = beta_parameters(logit_mean, log_concentration)
    with numpyro.plate("arms", purchases.shape[0]):
        numpyro.sample("purchases", BetaBinomial(alpha, beta, users, validate_args=False), obs=purchases)


def beta_parameters(logit_mean: jax.Array, log_concentration: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the Beta parameters (α, β) of a mean and a concentration.

    Args:
        logit_mean: The logarithm of the mean's odds, any shape.
        log_concentration: The logarithm of α + β, the same shape.

    Returns:
        α and β, the same shape; neither loses precision where the mean is close to 0 or 1.
    """
    concentration = jnp.exp(log_concentration)
    return concentration * jax.nn.sigmoid(logit_mean), concentration * jax.nn.sigmoid(-logit_mean)


def log_posterior(position: dict[str, jax.Array], purchases: jax.Array, users: jax.Array, rate: jax.Array) -> jax.Array:
    """Compute the unnormalised log posterior density of (logit mean, log concentration).

    Args:
        position: `logit_mean` and `log_concentration`, scalars.
        purchases: As in `conversion_model`.
        users: As in `conversion_model`.
        rate: As in `conversion_model`.

    Returns:
        A scalar, in nats.
    """
    density: jax.Array = log_density(conversion_model, (purchases, users, rate), {}, position)[0]
    return density


def start(key: jax.Array, purchases: jax.Array, users: jax.Array) -> dict[str, jax.Array]:
    """Draw a start around the pooled conversion and the prior's concentration, different in every chain."""
    pooled = (purchases.sum() + 0.5) / (users.sum() + 1.0)
    offsets = jax.random.normal(key, (2,))
    logit = jnp.log(pooled) - jnp.log1p(-pooled)
    return {"logit_mean": logit + offsets[0], "log_concentration": jnp.log(6.0) + offsets[1]}


CONVERSIONS = Target(log_posterior, start, "logit_mean")
"""What the sampler needs to draw (logit mean, log concentration)."""
