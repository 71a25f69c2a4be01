"""Engine `exact`: adaptive quadrature over the two hyperparameters, then draws of its nodes by their weights.

θ given a node is drawn exactly, so summaries of θ have no errors but those of the quadrature and of finitely many
draws. It needs NumPy and SciPy only: nothing to compile, no JAX.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from abtest_lib.bayes.engines.engine import Counts, Floats, HyperDraws, Nodes
from abtest_lib.bayes.mode import find_modes
from abtest_lib.bayes.priors import ExponentialPrior
from abtest_lib.bayes.quadrature import EDGE_MASS, Frame, Grid, integrate

DRAWS = 3000
COARSENING_LIMIT = 1e-2
"""Largest change of the normalising constant without every second node; the rule's error is about its square."""

_NEGLIGIBLE = 1e-12


class ExactEngine:
    """Quadrature over (logit mean, log concentration)."""

    name = "exact"

    def draw(self, groups: Sequence[Counts], prior: ExponentialPrior) -> list[HyperDraws]:
        """Draw 3,000 for every group; see `Engine`."""
        grids = quadrature_grids(groups, prior)
        return [_draw(grid, group.seed) for grid, group in zip(grids, groups, strict=True)]


def quadrature_grids(groups: Sequence[Counts], prior: ExponentialPrior) -> list[Grid]:
    """Integrate every group; grids in the order of the groups."""
    by_arms = defaultdict(list)
    for position, group in enumerate(groups):
        by_arms[group.users.size].append(position)
    grids: dict[int, Grid] = {}
    for positions in by_arms.values():
        members = [groups[position] for position in positions]
        grids |= zip(positions, _integrate_all(members, prior.rate), strict=True)
    return [grids[position] for position in range(len(groups))]


def _integrate_all(groups: list[Counts], rate: float) -> list[Grid]:
    modes = find_modes(
        np.stack([group.purchases for group in groups]), np.stack([group.users for group in groups]), rate
    )
    frames = (Frame(*map(float, (*mode, *scale))) for mode, scale in zip(modes.mode, modes.scale, strict=True))
    return [integrate(group.purchases, group.users, rate, frame) for group, frame in zip(groups, frames, strict=True)]


def _problem(grid: Grid) -> str | None:
    if not grid.edge_mass <= EDGE_MASS:
        return f"quadrature left a mass of {grid.edge_mass:.0e} at its edge, above {EDGE_MASS:.0e}"
    if not grid.coarsening_error <= COARSENING_LIMIT:
        return (
            f"quadrature changed by {grid.coarsening_error:.0e} without every second node, above {COARSENING_LIMIT:.0e}"
        )
    return None


def _nodes(grid: Grid) -> Nodes:
    """Return the nodes with more than a negligible weight."""
    matters = grid.weight > _NEGLIGIBLE
    concentration = np.broadcast_to(np.exp(grid.log_concentration), grid.weight.shape)[matters]
    logit, kept = grid.logit_mean[matters], grid.weight[matters]
    return Nodes(concentration * expit(logit), concentration * expit(-logit), kept / kept.sum())


def _draw(grid: Grid, seed: int) -> HyperDraws:
    nodes = _nodes(grid)
    drawn = draw_nodes(nodes.weight, np.random.default_rng((seed, 1)).random())
    return HyperDraws(nodes.alpha[drawn][None, :], nodes.beta[drawn][None, :], None, _problem(grid), nodes)


def draw_nodes(weight: Floats, offset: float) -> NDArray[np.int64]:
    """Draw 3,000 nodes by systematic resampling, which rounds their expected numbers up or down at random.

    Args:
        weight: Shape (nodes,); the weights sum to one.
        offset: A uniform random number.

    Returns:
        The positions of the drawn nodes, ascending, shape (draws,).
    """
    drawn_so_far = np.floor(weight.cumsum() * DRAWS + offset).clip(0, DRAWS).astype(int)
    drawn_so_far[-1] = DRAWS
    return np.repeat(np.arange(weight.size), np.diff(drawn_so_far, prepend=0))
