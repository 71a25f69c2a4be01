"""What the rules find about a panel: decisions, and what they rest on."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from abtest_lib.contracts.enums import Decision
from abtest_lib.stats.arrays import Bools, Floats, Ints
from abtest_lib.verdict.evidence import Evidence
from abtest_lib.verdict.finding import Finding
from abtest_lib.verdict.flags import has_cause
from abtest_lib.verdict.panel import Panel
from abtest_lib.verdict.rules import Rules
from abtest_lib.verdict.scorecard import Scorecard
from abtest_lib.verdict.validity import Validity


class State(IntEnum):
    """What was decided, and why."""

    NONE = 0
    GAIN = 1
    LOSS = 2
    FUTILITY = 3
    VIOLATION = 4
    """A guardrail proves an arm worse, and no arm is left."""
    CONFLICT = 5
    """One goal proves an arm better and another one worse, and no arm is left."""


_DECISIONS = np.array([Decision.INCONCLUSIVE, Decision.SHIP, *[Decision.KEEP_CONTROL] * 4])


@dataclass(frozen=True, slots=True, eq=False)
class BestArm:
    """The arm with the largest gain in a goal on each day.

    Attributes:
        index: Index of the arm, (E, T); -1 where nothing can be compared.
        goal: Index of the goal among the findings, (E, T).
        is_proven: Whether the goal proves it better, (E, T).
        is_cleared: Whether guardrails and other goals let it pass, (E, T).
        probability: Posterior probability that it beats the control by the goal, (E, T); NaN where unknown.
        leads: Whether it is better than the control today, (E, T).
        leads_under_other_policy: The same under the other cross-exposure policy.
    """

    index: Ints
    goal: Ints
    is_proven: Bools
    is_cleared: Bools
    probability: Floats
    leads: Bools
    leads_under_other_policy: Bools

    def ships(self, probability: float) -> Bools:
        """Whether every clause of the rule is met, (E, T)."""
        is_sure = self.is_proven & self.is_cleared & (self.probability >= probability)
        return np.asarray(is_sure & self.leads & self.leads_under_other_policy)


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """The decisions of a panel.

    Attributes:
        is_valid: Whether the numbers can be trusted, (E, T).
        is_unstable: Whether looks contradict each other, or a decision that was taken earlier, (E, T).
        is_open: Whether a decision can be taken or kept, (E, T).
        state: A `State`, (E, T).
        arm: Index of the arm to ship, (E, T); -1 otherwise.
        goal: Index of the goal that a shipped arm is proven by, else of the first goal, among the findings, (E, T).
        decided: Index of the day on which the decision was taken, (E, T); -1 without one.
        winner: Index of the arm with the highest probability of being best, (E, T); -1 when invalid or unknown.
    """

    is_valid: Bools
    is_unstable: Bools
    is_open: Bools
    state: Ints
    arm: Ints
    goal: Ints
    decided: Ints
    winner: Ints

    @property
    def decision(self) -> npt.NDArray[np.str_]:
        """The value of a `Decision`, (E, T)."""
        return np.where(self.is_valid, _DECISIONS[self.state], Decision.INVALID)

    @property
    def is_decided(self) -> Bools:
        """Whether there is a decision, (E, T)."""
        return np.asarray(self.state != State.NONE)

    @property
    def is_gain(self) -> Bools:
        """Whether an arm is shipped, (E, T)."""
        return np.asarray(self.state == State.GAIN)

    @property
    def is_loss(self) -> Bools:
        """Whether the control is kept because every other arm is worse, (E, T)."""
        return np.asarray(self.state == State.LOSS)

    @property
    def is_violation(self) -> Bools:
        """Whether the control is kept because of a guardrail, (E, T)."""
        return np.asarray(self.state == State.VIOLATION)

    @property
    def is_conflict(self) -> Bools:
        """Whether the control is kept because goals disagree, (E, T)."""
        return np.asarray(self.state == State.CONFLICT)

    @property
    def is_futile(self) -> Bools:
        """Whether the control is kept because the planned end proved nothing, (E, T)."""
        return np.asarray(self.state == State.FUTILITY)


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """Everything the rules find about a panel.

    Attributes:
        panel: The histories.
        rules: The levels and limits.
        validity: Tests of the experiments themselves.
        evidence: What the looks prove about conversion.
        scorecard: What is known about every metric, conversion among them.
        best_arm: The arm with the largest gain.
        decisions: What should be done.
    """

    panel: Panel
    rules: Rules
    validity: Validity
    evidence: Evidence
    scorecard: Scorecard
    best_arm: BestArm
    decisions: Decisions

    @property
    def is_of_earlier_period(self) -> Bools:
        """Whether the decision was taken in an earlier period, (E, T)."""
        period = np.cumsum(self.panel.is_first, axis=1)
        of_decision = np.take_along_axis(period, np.maximum(self.decisions.decided, 0), axis=1)
        return self.decisions.is_decided & (of_decision < period)

    @property
    def winner_differs(self) -> Bools:
        """Whether an arm other than the one decided for is now the winner, (E, T)."""
        found = self.decisions
        is_other_arm = found.is_gain & (found.winner != found.arm)
        is_other_than_control = found.is_loss & (found.winner != self.panel.control[:, None])
        return np.asarray((found.winner >= 0) & (is_other_arm | is_other_than_control))

    @property
    def has_drifted(self) -> Bools:
        """Whether a difference of today lies outside the interval on which a decision rests, (E, T)."""
        is_outside = self.scorecard.any_goal(lambda goal: goal.has_drifted)
        return np.asarray(is_outside.any(axis=2) & self.decisions.is_decided)

    @property
    def has_untested_arm(self) -> Bools:
        """Whether an arm has too few conversions for a test, (E, T)."""
        return self._any_pair(lambda one: (one.evidence.is_compared & ~one.evidence.may_test) & (one.means is None))

    @property
    def has_too_few_values(self) -> Bools:
        """Whether an arm has too few data for a test by a metric of the catalogue, (E, T)."""
        return self._any_pair(lambda one: (one.evidence.is_compared & ~one.evidence.may_test) & (one.means is not None))

    @property
    def is_undecided(self) -> Bools:
        """Whether a decision could have been taken and was not, (E, T)."""
        return np.asarray(self.decisions.is_open & ~self.decisions.is_decided)

    @property
    def waits_for_look(self) -> Bools:
        """Whether an arm with enough data has had no look yet, (E, T)."""
        has_no_look = self._any_pair(lambda one: one.evidence.is_compared & np.isnan(one.evidence.lower))
        return np.asarray(self.is_undecided & ~self.has_untested_arm & ~self.has_too_few_values & has_no_look)

    @property
    def is_spent(self) -> Bools:
        """Whether earlier periods have spent the whole level of a goal or guardrail, (E, T)."""
        return self.scorecard.any_decisive(lambda one: one.evidence.is_spent)

    @property
    def is_repeated(self) -> Bools:
        """Whether the last look at every goal was made on an earlier day, (E, T)."""
        return ~self.scorecard.any_goal(lambda goal: ~goal.evidence.is_repeated)

    @property
    def has_no_posterior(self) -> Bools:
        """Whether there is something to compare and no posterior of a goal, (E, T)."""
        is_unknown = self.scorecard.any_goal(lambda goal: goal.has_no_posterior)
        return np.asarray(self.evidence.is_compared.any(axis=2) & is_unknown)

    @property
    def covariate_changes_sign(self) -> Bools:
        """Whether a covariate turns the difference of a goal into its opposite, (E, T)."""
        return np.asarray(self.scorecard.any_goal(lambda goal: goal.is_turned_by_covariate).any(axis=2))

    def _any_pair(self, holds: Callable[[Finding], Bools]) -> Bools:
        return np.asarray(self.scorecard.any_decisive(holds).any(axis=2))

    @property
    def is_unexplained(self) -> Bools:
        """Whether no other reason explains why nothing was decided, (E, T)."""
        return self.is_undecided & ~has_cause(self)
