"""How a fit is to be made, and what it draws."""

from dataclasses import dataclass

import numpy as np

from abtest_lib.bayes.diagnostics import Diagnostics
from abtest_lib.bayes.draws import ConversionDraws
from abtest_lib.bayes.engines.engine import Counts, HyperDraws, other_engine
from abtest_lib.bayes.groups import Group
from abtest_lib.bayes.priors import FixedPrior, Prior


@dataclass(frozen=True, slots=True)
class FitConfig:
    """How to fit.

    Attributes:
        engine: `mcmc` or `exact`; ignored by a fixed prior, which leaves nothing to integrate.
        prior: The prior.
        seed: The configured seed; every group's own is derived from it.
    """

    engine: str
    prior: Prior
    seed: int

    def __post_init__(self) -> None:
        """Reject an unknown engine."""
        other_engine(self.engine)

    @property
    def effective_engine(self) -> str:
        """The engine that will be named in results: with a fixed prior every posterior is exact."""
        return "exact" if isinstance(self.prior, FixedPrior) else self.engine


@dataclass(frozen=True, slots=True)
class GroupDraws:
    """Everything that was drawn for one group, arms in the order of `Group.fitted_arms`.

    Attributes:
        hyper: Draws of (α, β).
        conversions: Draws of θ, one for each of (α, β).
        diagnostics: How the chains mixed; None where draws are independent.
        engine: The engine that drew.
    """

    hyper: HyperDraws
    conversions: ConversionDraws
    diagnostics: Diagnostics | None
    engine: str

    @property
    def problem(self) -> str | None:
        """Why the draws must not be believed, or None."""
        if self.hyper.problem is not None:
            return self.hyper.problem
        if not np.isfinite(self.conversions.log_odds).all():
            return "draws of the conversion are not finite"
        return self.diagnostics.problem if self.diagnostics is not None else None


def counts_of(group: Group, seed: int) -> Counts:
    """The counts of a valid group's fitted arms as arrays, with the seed that the configured one gives the group."""
    arms = group.fitted_arms
    purchases, users = ([getattr(arm, name) for arm in arms] for name in ("purchases", "users"))
    return Counts(np.array(purchases, dtype=np.float64), np.array(users, dtype=np.float64), group.seed(seed))
