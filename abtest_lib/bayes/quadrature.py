"""Adaptive quadrature over (logit mean, log concentration) of one group.

The trapezoidal rule converges exponentially fast for smooth functions that vanish at the edges. Three things
adapt to each group: the coordinates (centred at the mode, scaled by the curvature there), the box (a coarse first
pass finds the mass, the second pass fills that box), and its size (grown until nothing is left outside).
"""

import math
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol

import numpy as np
from scipy.special import expit, gammaln

from abtest_lib.bayes.mode import Floats, log_prior, log_rising

NODES = 48
EDGE_MASS = 1e-8
"""Largest mass allowed on the outermost nodes."""

_STIRLING_FROM = 16.0
_HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)
_COARSE_NODES = 33
_COARSE_REACH = 24.0
_NEGLIGIBLE = 1e-10
_GROWTHS = 6


@dataclass(frozen=True, slots=True)
class Grid:
    """Quadrature nodes and weights.

    Attributes:
        logit_mean: Shape (NODES, NODES), second axis along log concentration.
        log_concentration: Shape (NODES,).
        weight: Posterior mass by node, shape (NODES, NODES); sums to one.
        edge_mass: Mass on the outermost nodes.
        coarsening_error: How much the normalising constant changes when every second node is left out, a ratio; the
            rule's own error is about its square.
    """

    logit_mean: Floats
    log_concentration: Floats
    weight: Floats
    edge_mass: float
    coarsening_error: float


class Frame(NamedTuple):
    """Whitened coordinates (u, w) of one group: log κ = s + sd·w and logit m = t + slope·w + rest·u."""

    t: float
    s: float
    sd: float
    slope: float
    rest: float


class Box(NamedTuple):
    """Ends in u and in w."""

    u_low: float
    u_high: float
    w_low: float
    w_high: float


class LogDensity(Protocol):
    """Logit mean, shape (rows, columns), and log concentration, shape (columns,), to log density by node."""

    def __call__(self, t: Floats, s: Floats) -> Floats:
        """Compute the log posterior density up to a constant."""


def integrate(purchases: Floats, users: Floats, rate: float, frame: Frame) -> Grid:
    """Integrate the posterior of one group.

    Args:
        purchases: Shape (arms,).
        users: Shape (arms,).
        rate: The rate of the exponential priors.
        frame: Mode and scale.

    Returns:
        Nodes and weights; check their `edge_mass` and `coarsening_error`.
    """
    density = partial(log_density, counts=DistinctCounts.of(purchases, users), rate=rate)
    box = _coarse_box(density, frame)
    grid = _fill(density, frame, box)
    for _ in range(_GROWTHS):
        if grid.edge_mass <= EDGE_MASS:
            break
        u_margin, w_margin = 0.25 * (box.u_high - box.u_low), 0.25 * (box.w_high - box.w_low)
        box = Box(box.u_low - u_margin, box.u_high + u_margin, box.w_low - w_margin, box.w_high + w_margin)
        grid = _fill(density, frame, box)
    return grid


@dataclass(frozen=True, slots=True)
class DistinctCounts:
    """The counts of one group, each value once, so that equal arms are evaluated once.

    Attributes:
        users: Shape (arms,).
        purchases: Every positive number of purchases, and the number of arms that have it.
        non_purchases: Every positive number of users without a purchase, and the number of arms that have it.
    """

    users: Floats
    purchases: Counter[float]
    non_purchases: Counter[float]

    @classmethod
    def of(cls, purchases: Floats, users: Floats) -> "DistinctCounts":
        """Count the values; both arrays have the shape (arms,)."""
        positive = (values[values > 0.0].tolist() for values in (purchases, users - purchases))
        return cls(users, *map(Counter, positive))


def log_density(t: Floats, s: Floats, *, counts: DistinctCounts, rate: float) -> Floats:
    """Compute the log posterior of `mode.py` on a grid whose columns share one log concentration."""
    kappa = np.exp(s)
    alpha, beta = kappa * expit(t), kappa * expit(-t)
    total = log_prior(t, s, rate) - log_rising(kappa[:, None], counts.users).sum(axis=1)
    for shape, values in ((alpha, counts.purchases), (beta, counts.non_purchases)):
        for value, times in values.items():
            total += times * _log_gamma(shape, value)
        if values:
            total -= values.total() * gammaln(shape)
    return np.asarray(total, dtype=np.float64)


def _log_gamma(shape: Floats, count: float) -> Floats:
    """Compute log Γ(shape + count); from 16 on by Stirling's series, in half the time of the general function.

    The first term left out, 691 / 360360 / x^11, is below 2e-16 there.
    """
    x = shape + count
    if count < _STIRLING_FROM:
        return np.asarray(gammaln(x), dtype=np.float64)
    inverse = 1.0 / x
    square = inverse * inverse
    series = ((((square / 1188 - 1 / 1680) * square + 1 / 1260) * square - 1 / 360) * square + 1 / 12) * inverse
    return np.asarray((x - 0.5) * np.log(x) - x + (_HALF_LOG_TWO_PI + series), dtype=np.float64)


def _on_grid(density: LogDensity, frame: Frame, u: Floats, w: Floats) -> tuple[Floats, Floats, Floats]:
    s = frame.s + frame.sd * w
    t = frame.t + frame.slope * w + frame.rest * u[:, None]
    values = density(t, s)
    mass = np.exp(values - values.max())
    return t, s, mass / mass.sum()


def _coarse_box(density: LogDensity, frame: Frame) -> Box:
    """Find the box in which a wide coarse grid has mass, and one coarse cell more."""
    axis = np.linspace(-_COARSE_REACH, _COARSE_REACH, _COARSE_NODES)
    cell = axis[1] - axis[0]
    mass = _on_grid(density, frame, axis, axis)[2]
    u, w = (axis[mass.max(axis=other) > _NEGLIGIBLE] for other in (1, 0))
    return Box(u[0] - cell, u[-1] + cell, w[0] - cell, w[-1] + cell)


def _fill(density: LogDensity, frame: Frame, box: Box) -> Grid:
    """Fill a box with nodes."""
    u, w = np.linspace(box.u_low, box.u_high, NODES), np.linspace(box.w_low, box.w_high, NODES)
    t, s, weight = _on_grid(density, frame, u, w)
    edge = 1.0 - weight[1:-1, 1:-1].sum()
    return Grid(t, s, weight, float(edge), float(abs(4.0 * weight[::2, ::2].sum() - 1.0)))
