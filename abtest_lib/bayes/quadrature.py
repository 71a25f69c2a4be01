"""The compiled part of engine `exact`: adaptive quadrature over (logit mean, log concentration). Imports JAX.

The trapezoidal rule converges exponentially fast for smooth functions that vanish at the edges. Three things are
adapted to each group: the coordinates (centred at the mode, scaled by the curvature there), the box (a coarse first
pass finds where the mass is, the second pass fills that box), and its size (grown until nothing is left outside).
"""

from functools import cache, partial
from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp
from numpy.typing import ArrayLike

from abtest_lib.bayes.models import log_posterior
from abtest_lib.bayes.runtime import prepare_jax

NODES = 48
EDGE_MASS = 1e-8
"""The most mass that may lie on the outermost nodes."""

_COARSE_NODES = 41
_COARSE_REACH = 24.0
_NEGLIGIBLE = 1e-10
_NEWTON_STEPS = 25
_GROWTHS = 4
_MIN_PRECISION = 0.02


class Grid(NamedTuple):
    """Quadrature nodes and weights; shape (groups, NODES, NODES) each outside of this module.

    Attributes:
        logit_mean: Node coordinates.
        log_concentration: Node coordinates.
        weight: Posterior mass by node; sums to one over each group's nodes.
        edge_mass: Mass on the outermost nodes, shape (groups,).
        coarsening_error: How much the normalising constant changes when every second node is left out, a ratio, shape
            (groups,); the rule's own error is about its square.
    """

    logit_mean: jax.Array
    log_concentration: jax.Array
    weight: jax.Array
    edge_mass: jax.Array
    coarsening_error: jax.Array


class Quadrature(Protocol):
    """(purchases, users, rate) to nodes and weights; shapes (groups, arms), (groups, arms), ()."""

    def __call__(self, purchases: ArrayLike, users: ArrayLike, rate: ArrayLike) -> Grid:
        """Integrate every group; compiled anew for every shape, never for other data."""


class _Frame(NamedTuple):
    """Whitened coordinates: position = mode + scale @ whitened; shapes (2,) and (2, 2)."""

    mode: jax.Array
    scale: jax.Array


class _Box(NamedTuple):
    """Opposite corners in whitened coordinates, shape (2,) each."""

    low: jax.Array
    high: jax.Array


@cache
def compiled_quadrature() -> Quadrature:
    """The quadrature; one per process, so that a worker compiles every shape once."""
    prepare_jax()
    quadrature: Quadrature = jax.jit(jax.vmap(_integrate, in_axes=(0, 0, None)))
    return quadrature


def log_density_at(position: jax.Array, purchases: jax.Array, users: jax.Array, rate: jax.Array) -> jax.Array:
    """The log posterior at a position of shape (2,): logit mean, log concentration."""
    named = {"logit_mean": position[0], "log_concentration": position[1]}
    return log_posterior(named, purchases, users, rate)


def _integrate(purchases: jax.Array, users: jax.Array, rate: jax.Array) -> Grid:
    log_density = partial(log_density_at, purchases=purchases, users=users, rate=rate)
    pooled = (purchases.sum() + 0.5) / (users.sum() + 1.0)
    start = jnp.stack([jnp.log(pooled) - jnp.log1p(-pooled), jnp.log(2.0 / rate)])
    frame = _frame_at_mode(log_density, start)
    box = _coarse_box(log_density, frame)
    first = (jnp.asarray(0), box, _fill(log_density, frame, box))

    def is_cut_off(carry: tuple[jax.Array, _Box, Grid]) -> jax.Array:
        return (carry[0] < _GROWTHS) & (carry[2].edge_mass > EDGE_MASS)

    def grow(carry: tuple[jax.Array, _Box, Grid]) -> tuple[jax.Array, _Box, Grid]:
        margin = 0.25 * (carry[1].high - carry[1].low)
        larger = _Box(carry[1].low - margin, carry[1].high + margin)
        return carry[0] + 1, larger, _fill(log_density, frame, larger)

    return jax.lax.while_loop(is_cut_off, grow, first)[2]


def _frame_at_mode(log_density: partial[jax.Array], start: jax.Array) -> _Frame:
    """Damped Newton steps to the mode; curvature there gives the scale."""
    shrinkages = 0.5 ** jnp.arange(6.0)

    def step(_: int, position: jax.Array) -> jax.Array:
        scale = _scale(log_density, position)
        direction = scale @ (scale.T @ jax.grad(log_density)(position))
        direction = direction / jnp.maximum(1.0, jnp.abs(direction).max() / 2.0)
        candidates = position + shrinkages[:, None] * direction
        values = jax.vmap(log_density)(candidates)
        best = values.argmax()
        return jnp.where(values[best] > log_density(position), candidates[best], position)

    mode = jax.lax.fori_loop(0, _NEWTON_STEPS, step, start)
    return _Frame(mode, _scale(log_density, mode))


def _scale(log_density: partial[jax.Array], position: jax.Array) -> jax.Array:
    """A square root of the inverse precision, shape (2, 2); precisions of flat or convex directions are floored."""
    (a, b), (_, d) = -jax.hessian(log_density)(position)
    # By hand, because batched LAPACK calls for 2 x 2 matrices cost more than all the rest.
    middle, radius = 0.5 * (a + d), jnp.hypot(0.5 * (a - d), b)
    angle = 0.5 * jnp.arctan2(b, 0.5 * (a - d))
    axes = jnp.stack([jnp.stack([jnp.cos(angle), -jnp.sin(angle)]), jnp.stack([jnp.sin(angle), jnp.cos(angle)])])
    precisions = jnp.maximum(jnp.stack([middle + radius, middle - radius]), _MIN_PRECISION)
    return axes / jnp.sqrt(precisions)


def _coarse_box(log_density: partial[jax.Array], frame: _Frame) -> _Box:
    """The first pass: where a wide coarse grid has mass, and one coarse cell more."""
    axis = jnp.linspace(-_COARSE_REACH, _COARSE_REACH, _COARSE_NODES)
    mass = jax.nn.softmax(_log_density_on(log_density, frame, axis, axis), axis=None)
    cell = axis[1] - axis[0]
    by_axis = jnp.stack([mass.max(axis=1), mass.max(axis=0)])
    occupied = by_axis > _NEGLIGIBLE
    low = jnp.where(occupied, axis, jnp.inf).min(axis=1) - cell
    high = jnp.where(occupied, axis, -jnp.inf).max(axis=1) + cell
    return _Box(low, high)


def _log_density_on(log_density: partial[jax.Array], frame: _Frame, first: jax.Array, second: jax.Array) -> jax.Array:
    values = jax.vmap(jax.vmap(log_density))(_positions(frame, first, second))
    return jnp.where(jnp.isnan(values), -jnp.inf, values)


def _positions(frame: _Frame, first: jax.Array, second: jax.Array) -> jax.Array:
    """The grid of two whitened axes as positions, shape (len(first), len(second), 2)."""
    along_first = first[:, None, None] * frame.scale[:, 0]
    along_second = second[None, :, None] * frame.scale[:, 1]
    return frame.mode + along_first + along_second


def _fill(log_density: partial[jax.Array], frame: _Frame, box: _Box) -> Grid:
    """The second pass: fill a box with nodes."""
    unit = jnp.linspace(0.0, 1.0, NODES)
    first, second = (box.low[i] + (box.high[i] - box.low[i]) * unit for i in (0, 1))
    values = _log_density_on(log_density, frame, first, second)
    weight = jax.nn.softmax(values, axis=None)
    edge = weight[0].sum() + weight[-1].sum() + weight[1:-1, 0].sum() + weight[1:-1, -1].sum()
    coarse = 4.0 * weight[::2, ::2].sum()
    position = _positions(frame, first, second)
    return Grid(position[..., 0], position[..., 1], weight, edge, jnp.abs(coarse - 1.0))
