"""The interface of the two engines: a batch of counts in, draws of (α, β) per group out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from abtest_lib.bayes.priors import ExponentialPrior
from abtest_lib.errors import ConfigError, one_line

Floats = NDArray[np.float64]

ENGINE_NAMES = ("mcmc", "exact")


@dataclass(frozen=True, slots=True)
class Counts:
    """The counts of one group that passed validation, without padding.

    Attributes:
        purchases: Purchases by arm, shape (arms,).
        users: Users by arm, shape (arms,), all positive.
        seed: The group's own seed, below 2⁶⁰.
    """

    purchases: Floats
    users: Floats
    seed: int


@dataclass(frozen=True, slots=True)
class Nodes:
    """A posterior of (α, β) as weighted points, shape (nodes,) each; the weights sum to one."""

    alpha: Floats
    beta: Floats
    weight: Floats


@dataclass(frozen=True, slots=True)
class HyperDraws:
    """Posterior draws of the Beta parameters of one group.

    Attributes:
        alpha: Shape (chains, draws).
        beta: Shape (chains, draws).
        divergences: Divergent transitions; None where there are no transitions.
        problem: Why the engine rejects its own draws, or None.
        nodes: The weighted points that were drawn from, if there are any; averages over them are more precise.
    """

    alpha: Floats
    beta: Floats
    divergences: int | None
    problem: str | None = None
    nodes: Nodes | None = None

    @property
    def support(self) -> Nodes:
        """The most precise weighted points available: the nodes, else the draws themselves."""
        if self.nodes is not None:
            return self.nodes
        alpha, beta = self.alpha.ravel(), self.beta.ravel()
        return Nodes(alpha, beta, np.full(alpha.size, 1.0 / alpha.size))


class Engine(Protocol):
    """Draws (α, β) from their posterior for many groups at once."""

    name: str

    def draw(self, groups: Sequence[Counts], prior: ExponentialPrior) -> list[HyperDraws]:
        """Draw for every group.

        Args:
            groups: Any number of groups with 2 to 128 arms, of mixed sizes.
            prior: The hierarchical prior.

        Returns:
            The draws in the order of the groups; a group's draws do not depend on the other groups.
        """


def other_engine(name: str) -> str:
    """Return the engine that refits the groups for which `name` failed.

    Raises:
        ConfigError: There is no such engine.

    Examples:
        >>> other_engine("mcmc")
        'exact'
    """
    if name not in ENGINE_NAMES:
        raise ConfigError(f"unknown engine '{one_line(name, 60)}': the engines are {', '.join(ENGINE_NAMES)}")
    return ENGINE_NAMES[1 - ENGINE_NAMES.index(name)]
