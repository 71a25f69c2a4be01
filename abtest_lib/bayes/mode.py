"""Mode and scale of the posterior of (logit mean, log concentration), for many groups at once.

The same density as `models.conversion_model`, written a second time with its first and second derivatives: engine
`exact` shares no code with the sampler, so that their agreement means something. Writing α = κm, β = κ(1 - m),
t = logit m and s = log κ, the log posterior is, up to a constant,

    Σ_v [R(α, x_v) + R(β, n_v - x_v) - R(κ, n_v)]  +  log m + log(1 - m)  +  2s - rate·κ

with R(a, n) = log Γ(a + n) - log Γ(a), x_v purchases and n_v users.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, expit, gammaln, zeta

Floats = NDArray[np.float64]

_STEPS = 60
_LONGEST_STEP = 2.0
_CONVERGED = 1e-6
_MIN_PRECISION = 0.02
"""Flat or convex directions get a standard deviation of seven."""


@dataclass(frozen=True, slots=True)
class PosteriorMode:
    """Mode and scale of each group's posterior.

    Attributes:
        mode: Logit mean and log concentration at the mode, shape (groups, 2).
        scale: A triangular root of the inverse negative Hessian, shape (groups, 3): the standard deviation of log κ,
            the slope of logit m on log κ times it, and the conditional standard deviation of logit m.
    """

    mode: Floats
    scale: Floats


def find_modes(purchases: Floats, users: Floats, rate: float) -> PosteriorMode:
    """Find the modes by damped Newton steps.

    Args:
        purchases: Shape (groups, arms).
        users: Shape (groups, arms).
        rate: The rate of the exponential priors.

    Returns:
        Modes and scales; those of a group do not depend on the other groups.
    """
    pooled = (purchases.sum(axis=1) + 0.5) / (users.sum(axis=1) + 1.0)
    position = np.stack([np.log(pooled) - np.log1p(-pooled), np.full(len(pooled), np.log(2.0 / rate))], axis=1)
    unfinished = np.arange(len(position))
    for _ in range(_STEPS):
        moved = _step(position[unfinished], purchases[unfinished], users[unfinished], rate)
        distance = np.abs(moved - position[unfinished]).max(axis=1)
        position[unfinished] = moved
        unfinished = unfinished[distance > _CONVERGED]
        if not unfinished.size:
            break
    return PosteriorMode(position, _scale(_derivatives(position, purchases, users, rate)[1]))


def _step(position: Floats, purchases: Floats, users: Floats, rate: float) -> Floats:
    gradient, hessian = _derivatives(position, purchases, users, rate)
    sd, slope, rest = _scale(hessian).T
    along_s, along_t = sd * gradient[:, 1] + slope * gradient[:, 0], rest * gradient[:, 0]
    direction = np.stack([slope * along_s + rest * along_t, sd * along_s], axis=1)
    direction /= np.maximum(1.0, np.abs(direction).max(axis=1, keepdims=True) / _LONGEST_STEP)
    candidates = [position + shrinkage * direction for shrinkage in (1.0, 0.5, 0.25, 0.0625, 0.0)]
    values = [_density(candidate, purchases, users, rate) for candidate in candidates]
    best = np.argmax(values, axis=0)
    return np.asarray(np.stack(candidates)[best, np.arange(len(position))], dtype=np.float64)


def _density(position: Floats, purchases: Floats, users: Floats, rate: float) -> Floats:
    t, s = position[:, :1], position[:, 1:]
    kappa = np.exp(s)
    alpha, beta = kappa * expit(t), kappa * expit(-t)
    likelihood = log_rising(alpha, purchases) + log_rising(beta, users - purchases) - log_rising(kappa, users)
    return np.asarray(likelihood.sum(axis=1) + log_prior(t, s, rate)[:, 0], dtype=np.float64)


def log_rising(a: Floats, n: Floats) -> Floats:
    """Compute R(a, n) = log Γ(a + n) - log Γ(a), broadcast."""
    return np.asarray(gammaln(a + n) - gammaln(a), dtype=np.float64)


def log_prior(t: Floats, s: Floats, rate: float) -> Floats:
    """Compute the log prior density of logit mean `t` and log concentration `s`, up to a constant, broadcast."""
    size = np.abs(t)
    log_spread = -size - 2.0 * np.log1p(np.exp(-size))  # log m + log(1 - m), the same for t and -t
    return np.asarray(2.0 * s - rate * np.exp(s) + log_spread, dtype=np.float64)


def _derivatives(position: Floats, purchases: Floats, users: Floats, rate: float) -> tuple[Floats, Floats]:
    """Compute the gradient, shape (groups, 2), and the Hessian as its entries tt, ts, ss, shape (groups, 3)."""
    t, s = position[:, 0], position[:, 1]
    kappa, m = np.exp(s), expit(t)
    alpha, beta = kappa * m, kappa * expit(-t)
    spread = beta * m
    a1, a2 = _slopes(alpha, purchases)
    b1, b2 = _slopes(beta, users - purchases)
    c1, c2 = _slopes(kappa, users)
    gradient = np.stack(
        [spread * (a1 - b1) + 1.0 - 2.0 * m, a1 * alpha + b1 * beta - (c1 + rate) * kappa + 2.0], axis=1
    )
    tt = spread**2 * (a2 + b2) + spread * (1.0 - 2.0 * m) * (a1 - b1) - 2.0 * m * expit(-t)
    ts = spread * (a1 - b1 + alpha * a2 - beta * b2)
    ss = a2 * alpha**2 + a1 * alpha + b2 * beta**2 + b1 * beta - c2 * kappa**2 - (c1 + rate) * kappa
    return gradient, np.stack([tt, ts, ss], axis=1)


def _slopes(a: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Compute the first and second derivative of Σ_v R(a, n_v) in a; the trigamma function is Hurwitz's ζ(2, a)."""
    column = a[:, None]
    first = digamma(column + n) - digamma(column)
    second = zeta(2.0, column + n) - zeta(2.0, column)
    return first.sum(axis=1), second.sum(axis=1)


def _scale(hessian: Floats) -> Floats:
    """Return a triangular root of the inverse precision; precisions below the floor are raised to it."""
    tt, ts, ss = -hessian.T
    tt = np.maximum(tt, _MIN_PRECISION)
    # Eliminating t leaves the marginal precision of s; a root in this order keeps log κ a function of one coordinate.
    marginal = np.maximum(ss - ts**2 / tt, _MIN_PRECISION)
    sd = 1.0 / np.sqrt(marginal)
    return np.stack([sd, -ts / tt * sd, 1.0 / np.sqrt(tt)], axis=1)
