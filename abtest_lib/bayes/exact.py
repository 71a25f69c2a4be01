"""Engine `exact`: adaptive quadrature over the two hyperparameters, then draws of its nodes by their weights.

θ given a node is drawn exactly, so that summaries of θ have no other error than the quadrature's and that of
finitely many draws.
"""

from collections.abc import Sequence

import numpy as np
from scipy.special import expit

from abtest_lib.bayes.engine import Batch, Counts, Floats, HyperDraws, Nodes, batches
from abtest_lib.bayes.priors import ExponentialPrior

DRAWS = 4000
COARSENING_LIMIT = 1e-2
"""The most that leaving out every second node may change the normalising constant; the rule's error is its square."""

_BATCH_SIZES = {2: 32, 4: 32, 8: 16, 32: 8, 128: 8}
_NEGLIGIBLE = 1e-13


class ExactEngine:
    """Quadrature over (logit mean, log concentration)."""

    name = "exact"

    def draw(self, groups: Sequence[Counts], prior: ExponentialPrior) -> list[HyperDraws]:
        """Draw 4,000 for every group; see `Engine`."""
        draws: dict[int, HyperDraws] = {}
        for batch in batches(groups, _BATCH_SIZES):
            draws |= zip(batch.members, _run(batch, prior), strict=True)
        return [draws[position] for position in range(len(groups))]


def _run(batch: Batch, prior: ExponentialPrior) -> list[HyperDraws]:
    from abtest_lib.bayes.quadrature import compiled_quadrature  # noqa: PLC0415  imports JAX

    grid = [np.asarray(values) for values in compiled_quadrature()(batch.purchases, batch.users, prior.rate)]
    logit_mean, log_concentration, weight, edge_mass, coarsening = grid
    return [
        _draw_nodes(
            _nodes(logit_mean[row], log_concentration[row], weight[row]),
            int(batch.seeds[row]),
            _problem(float(edge_mass[row]), float(coarsening[row])),
        )
        for row in range(len(batch.members))
    ]


def _problem(edge_mass: float, coarsening: float) -> str | None:
    from abtest_lib.bayes.quadrature import EDGE_MASS  # noqa: PLC0415  imports JAX

    if not edge_mass <= EDGE_MASS:
        return f"quadrature left a mass of {edge_mass:.0e} at its edge, above {EDGE_MASS:.0e}"
    if not coarsening <= COARSENING_LIMIT:
        return f"quadrature changed by {coarsening:.0e} without every second node, above {COARSENING_LIMIT:.0e}"
    return None


def _nodes(logit_mean: Floats, log_concentration: Floats, weight: Floats) -> Nodes:
    """The nodes that matter, some hundreds of the grid's thousands."""
    matters = weight > _NEGLIGIBLE
    logit, concentration, kept = logit_mean[matters], np.exp(log_concentration[matters]), weight[matters]
    return Nodes(concentration * expit(logit), concentration * expit(-logit), kept / kept.sum())


def _draw_nodes(nodes: Nodes, seed: int, problem: str | None) -> HyperDraws:
    """Systematic resampling: every node is drawn as often as its weight says, rounded up or down by chance."""
    if not nodes.weight.size:
        return HyperDraws(np.empty((1, 0)), np.empty((1, 0)), None, problem or "quadrature found no mass", nodes)
    offset = np.random.default_rng((seed, 1)).random()
    points = (np.arange(DRAWS) + offset) / DRAWS
    drawn = np.minimum(np.searchsorted(nodes.weight.cumsum(), points), nodes.weight.size - 1)
    return HyperDraws(nodes.alpha[drawn][None, :], nodes.beta[drawn][None, :], None, problem, nodes)
