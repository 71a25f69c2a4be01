"""The settings of a fit, and the draws it makes."""

from dataclasses import dataclass, replace

import numpy as np

from abtest_lib.bayes.diagnostics import Diagnostics
from abtest_lib.bayes.draws import ConversionDraws
from abtest_lib.bayes.engines.engine import Counts, HyperDraws, other_engine
from abtest_lib.bayes.groups import Group
from abtest_lib.bayes.priors import FixedPrior, Prior


@dataclass(frozen=True, slots=True)
class FitConfig:
    """The settings of a fit.

    Attributes:
        engine: `mcmc` or `exact`; ignored by a fixed prior, which leaves nothing to integrate.
        prior: The prior.
        seed: The configured seed; the seed of every group is derived from it.
        metrics_engine: The engine of the catalogue's metrics.
    """

    engine: str
    prior: Prior
    seed: int
    metrics_engine: str = "exact"

    def __post_init__(self) -> None:
        """Reject an unknown engine."""
        other_engine(self.engine)
        other_engine(self.metrics_engine)

    @property
    def effective_engine(self) -> str:
        """The engine named in results: with a fixed prior every posterior is exact."""
        return "exact" if isinstance(self.prior, FixedPrior) else self.engine

    @property
    def for_metrics(self) -> "FitConfig":
        """The settings of a fit of the catalogue's metrics."""
        return replace(self, engine=self.metrics_engine)


@dataclass(frozen=True, slots=True)
class GroupDraws:
    """The draws of one group, arms in the order of `Group.fitted_arms`.

    Attributes:
        hyper: Draws of (α, β).
        conversions: Draws of θ, one per draw of (α, β).
        diagnostics: How the chains mixed; None where draws are independent.
        engine: The engine that made them.
    """

    hyper: HyperDraws
    conversions: ConversionDraws
    diagnostics: Diagnostics | None
    engine: str

    @property
    def problem(self) -> str | None:
        """Why the draws cannot be used, or None."""
        if self.hyper.problem is not None:
            return self.hyper.problem
        if not np.isfinite(self.conversions.log_odds).all():
            return "draws of the conversion are not finite"
        return self.diagnostics.problem if self.diagnostics is not None else None


def counts_of(group: Group, seed: int) -> Counts:
    """Return the counts of a valid group's fitted arms as arrays, with the seed of the group."""
    arms = group.fitted_arms
    purchases, users = ([getattr(arm, name) for arm in arms] for name in ("purchases", "users"))
    return Counts(np.array(purchases, dtype=np.float64), np.array(users, dtype=np.float64), group.seed(seed))
