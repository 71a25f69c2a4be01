"""All metrics of a panel together: what the goals and guardrails say about each arm."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
import numpy.typing as npt

from abtest_lib.stats.arrays import Bools, Ints
from abtest_lib.verdict.evidence import Evidence
from abtest_lib.verdict.finding import Finding, purchase_finding
from abtest_lib.verdict.metric_evidence import metric_finding
from abtest_lib.verdict.panel import A, Panel
from abtest_lib.verdict.roles import goal_order
from abtest_lib.verdict.rules import Rules


@dataclass(frozen=True, eq=False)
class Scorecard:
    """The findings of every metric.

    Attributes:
        findings: One per metric, `purchase` first.
        goals: Index of each experiment's goals among the findings, (E, G), in order of declaration; -1 for none.
    """

    findings: tuple[Finding, ...]
    goals: Ints

    @property
    def is_compared(self) -> Bools:
        """Whether arm and control have users, (E, T, K)."""
        return self.findings[0].evidence.is_compared

    @property
    def first_goal(self) -> Ints:
        """Index of the first goal among the findings, (E,); `purchase` where no goal is known."""
        return np.maximum(self.goals[:, 0], 0)

    def any_goal(self, holds: Callable[[Finding], Bools]) -> Bools:
        """Whether something holds for a goal; `holds` returns an array (E, T, ...)."""
        return self._any(holds, lambda finding: finding.role.is_goal)

    def any_guardrail(self, holds: Callable[[Finding], Bools]) -> Bools:
        """Whether something holds for a guardrail; `holds` returns an array (E, T, ...)."""
        return self._any(holds, lambda finding: finding.role.is_guardrail)

    def any_decisive(self, holds: Callable[[Finding], Bools]) -> Bools:
        """Whether something holds for a goal or a guardrail; `holds` returns an array (E, T, ...)."""
        return self._any(holds, lambda finding: finding.role.is_decisive)

    def _any(self, holds: Callable[[Finding], Bools], has_role: Callable[[Finding], Bools]) -> Bools:
        found = [_where(has_role(finding), holds(finding)) for finding in self.findings]
        return np.asarray(reduce(np.logical_or, found))

    @cached_property
    def worse_metrics(self) -> Ints:
        """The number of goals and guardrails by which an arm is proven worse, (E, T, K)."""
        return np.asarray(sum(_where(one.role.is_decisive, one.is_worse).astype(np.int64) for one in self.findings))

    @cached_property
    def is_harmful(self) -> Bools:
        """Whether an arm is proven worse by a goal or a guardrail, (E, T, K)."""
        return np.asarray(self.worse_metrics > 0)

    def is_harmful_elsewhere(self, finding: Finding) -> Bools:
        """Whether an arm is proven worse by a goal or a guardrail other than this one, (E, T, K)."""
        return np.asarray(self.worse_metrics > _where(finding.role.is_decisive, finding.is_worse))

    @cached_property
    def is_cleared(self) -> Bools:
        """Whether an arm is proven not worse by every guardrail, (E, T, K)."""
        return ~self.any_guardrail(lambda finding: ~finding.is_not_worse)

    @cached_property
    def is_gain(self) -> Bools:
        """Whether a goal proves an arm better and no other goal or guardrail proves it worse, (E, T, K)."""
        return self.any_goal(lambda goal: goal.is_better & ~self.is_harmful_elsewhere(goal))

    @property
    def has_gain(self) -> Bools:
        """Whether an arm is a gain, (E, T)."""
        return np.asarray((self.is_gain & self.is_compared).any(axis=2))

    @property
    def has_cleared_gain(self) -> Bools:
        """Whether an arm is a gain that passes every guardrail, (E, T)."""
        return np.asarray((self.is_gain & self.is_cleared & self.is_compared).any(axis=2))

    @property
    def has_uncleared_gain(self) -> Bools:
        """Whether an arm is a gain that a guardrail does not pass yet, (E, T)."""
        return np.asarray((self.is_gain & ~self.is_cleared & self.is_compared).any(axis=2))

    @property
    def has_harmful_gain(self) -> Bools:
        """Whether a goal proves an arm better and another goal or a guardrail proves it worse, (E, T)."""
        harmful = self.any_goal(lambda goal: goal.is_better & self.is_harmful_elsewhere(goal))
        return np.asarray((harmful & self.is_compared).any(axis=2))

    def of_goal(self, goal: Ints, value: Callable[[Finding], npt.NDArray[A]]) -> npt.NDArray[A]:
        """Return the values (E, T, ...) of one goal of each experiment, (E,); -1 takes those of the first metric."""
        index = np.maximum(goal, 0)
        result = value(self.findings[index[0] if index.size else 0])
        if (index != index[:1]).any():
            result = result.copy()
            for place in np.unique(index):
                result[index == place] = value(self.findings[place])[index == place]
        return result


def gather_findings(panel: Panel, evidence: Evidence, rules: Rules) -> Scorecard:
    """Compare the arms by every metric.

    Args:
        panel: The histories.
        evidence: What the looks prove about conversion.
        rules: The levels.
    """
    own = [metric_finding(panel, cells, evidence.fraction, rules) for cells in panel.metrics]
    findings = (purchase_finding(panel, evidence, rules), *own)
    return Scorecard(findings, goal_order(panel.declared, [finding.name for finding in findings]))


def _where(role: Bools, values: Bools) -> Bools:
    """Return values (E, T, ...) of the experiments with a role, (E,), and False for the others."""
    return np.asarray(values & role.reshape(-1, *(1,) * (values.ndim - 1)))
