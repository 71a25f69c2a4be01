"""What is known about one metric of every arm: its role, today's estimates, and what the looks prove."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from abtest_lib.contracts.enums import Direction
from abtest_lib.metrics import PURCHASE, Metric
from abtest_lib.stats.arrays import Bools, Floats, divide
from abtest_lib.stats.means import MeanDifference
from abtest_lib.stats.sums import Sums
from abtest_lib.verdict.evidence import Evidence
from abtest_lib.verdict.panel import Panel
from abtest_lib.verdict.roles import Role, margin_of, role_of
from abtest_lib.verdict.rules import Rules


@dataclass(frozen=True, slots=True, eq=False)
class Means:
    """The sums of a metric and what they say today; arrays of one shape.

    Attributes:
        arm: Sums of the arms.
        control: Sums of their controls.
        result: The comparison; NaN where nothing can be compared.
    """

    arm: Sums
    control: Sums
    result: MeanDifference

    def of_days(self, select: Callable[[Floats], Floats]) -> "Means":
        """Return the sums and comparisons of some days."""
        results = {item.name: select(getattr(self.result, item.name)) for item in fields(MeanDifference)}
        return Means(self.arm.map(select), self.control.map(select), MeanDifference(**results))


@dataclass(frozen=True, eq=False)
class Finding:
    """One metric in all experiments of a panel.

    Attributes:
        name: The metric.
        sign: 1 where more is better, -1 where less is.
        role: What the metric is for.
        evidence: What the looks prove, in the direction of the metric itself.
        margin: The largest loss that a guardrail accepts, in the metric's unit, (E, T, 1); NaN for others.
        value: The arm's value, (E, T, K).
        difference: The value minus the control's, adjusted by the covariate where there is one, (E, T, K).
        other_difference: The same under the other cross-exposure policy; equal to `difference` where that is not known.
        rank: Larger for a better arm, (E, T, K).
        probability_best: Posterior probability of being best, (E, T, K); NaN where unknown, as in the next.
        probability_beats_control: Posterior probability of being better than the control.
        is_proportion: Whether the value of a user is 0 or 1.
        means: The sums and their comparison; None for `purchase`, which is compared by counts.
    """

    name: str
    sign: int
    role: Role
    evidence: Evidence
    margin: Floats
    value: Floats
    difference: Floats
    other_difference: Floats
    rank: Floats
    probability_best: Floats
    probability_beats_control: Floats
    is_proportion: bool = True
    means: Means | None = None

    @property
    def least_gain(self) -> Floats:
        """The worse end of the decision interval, above 0 for a gain, (E, T, K)."""
        return self.evidence.lower if self.sign > 0 else -self.evidence.upper

    @property
    def most_gain(self) -> Floats:
        """The better end of the decision interval, below 0 for a loss, (E, T, K)."""
        return self.evidence.upper if self.sign > 0 else -self.evidence.lower

    @cached_property
    def is_better(self) -> Bools:
        """Whether an arm is proven better than the control, (E, T, K)."""
        return np.asarray(self.least_gain > 0)

    @cached_property
    def is_worse(self) -> Bools:
        """Whether an arm is proven worse than the control, (E, T, K)."""
        return np.asarray(self.most_gain < 0)

    @cached_property
    def is_not_worse(self) -> Bools:
        """Whether a loss beyond the margin of a guardrail is excluded, (E, T, K)."""
        return np.asarray(self.least_gain > -self.margin)

    @property
    def is_contradictory(self) -> Bools:
        """Whether the looks contradict each other, (E, T, K)."""
        return np.asarray(self.evidence.lower > self.evidence.upper)

    @property
    def has_no_posterior(self) -> Bools:
        """Whether no arm has a posterior, (E, T)."""
        return np.asarray(np.isnan(self.probability_beats_control).all(axis=2))

    @property
    def is_turned_by_covariate(self) -> Bools:
        """Whether the covariate turns today's difference into its opposite, (E, T, K)."""
        if self.means is None:
            return np.zeros(self.difference.shape, dtype=bool)
        return np.asarray(self.difference * self.means.result.unadjusted_difference < 0)

    @property
    def has_drifted(self) -> Bools:
        """Whether today's difference lies outside the decision interval, (E, T, K)."""
        return np.asarray((self.difference < self.evidence.lower) | (self.difference > self.evidence.upper))


def purchase_finding(panel: Panel, evidence: Evidence, rules: Rules) -> Finding:
    """Describe conversion.

    Args:
        panel: The histories.
        evidence: What the looks prove about it.
        rules: The levels.
    """
    conversion = divide(panel.purchases, panel.users)
    return Finding(
        name=PURCHASE,
        sign=1,
        role=role_of(panel.declared, PURCHASE, rules.alpha),
        evidence=evidence,
        margin=margin_of(panel.declared, PURCHASE, panel.of_control(conversion)),
        value=conversion,
        difference=panel.difference(panel.users, panel.purchases),
        other_difference=panel.difference(panel.with_other_policy("users"), panel.with_other_policy("purchases")),
        rank=conversion,
        probability_best=panel.probability_best,
        probability_beats_control=panel.probability_beats_control,
    )


def sign_of(metric: Metric) -> int:
    """Return 1 for a metric of which more is better, else -1."""
    return 1 if metric.direction is Direction.UP else -1
