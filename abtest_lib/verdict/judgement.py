"""What the rules find about a panel: decisions, and what they rest on."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from abtest_lib.contracts.enums import Decision
from abtest_lib.stats.arrays import Bools, Floats, Ints
from abtest_lib.verdict.evidence import Evidence
from abtest_lib.verdict.flags import has_cause
from abtest_lib.verdict.panel import Panel
from abtest_lib.verdict.rules import Rules
from abtest_lib.verdict.validity import Validity


class State(IntEnum):
    """What was decided, and why."""

    NONE = 0
    GAIN = 1
    LOSS = 2
    FUTILITY = 3


_DECISIONS = np.array([Decision.INCONCLUSIVE, Decision.SHIP, Decision.KEEP_CONTROL, Decision.KEEP_CONTROL])


@dataclass(frozen=True, slots=True, eq=False)
class BestArm:
    """The arm with the largest difference on each day.

    Attributes:
        index: Index of the arm, (E, T); -1 where nothing can be compared.
        is_proven: Whether its interval lies above zero, (E, T).
        probability: Posterior probability that it beats the control, (E, T); NaN where unknown.
        leads: Whether it converts better than the control, (E, T).
        leads_under_other_policy: The same under the other cross-exposure policy.
    """

    index: Ints
    is_proven: Bools
    probability: Floats
    leads: Bools
    leads_under_other_policy: Bools


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """The decisions of a panel.

    Attributes:
        is_valid: Whether the numbers can be trusted, (E, T).
        is_unstable: Whether looks contradict each other, or a decision that was taken earlier, (E, T).
        is_open: Whether a decision can be taken or kept, (E, T).
        state: A `State`, (E, T).
        arm: Index of the arm to ship, (E, T); -1 otherwise.
        decided: Index of the day on which the decision was taken, (E, T); -1 without one.
        winner: Index of the arm with the highest probability of being best, (E, T); -1 when invalid or unknown.
    """

    is_valid: Bools
    is_unstable: Bools
    is_open: Bools
    state: Ints
    arm: Ints
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
        evidence: What the looks prove.
        best_arm: The arm with the largest difference.
        decisions: What should be done.
    """

    panel: Panel
    rules: Rules
    validity: Validity
    evidence: Evidence
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
        today = self.panel.difference(self.panel.users, self.panel.purchases)
        is_outside = (today < self.evidence.lower) | (today > self.evidence.upper)
        return np.asarray(is_outside.any(axis=2) & self.decisions.is_decided)

    @property
    def has_untested_arm(self) -> Bools:
        """Whether an arm has too few conversions for a test, (E, T)."""
        return np.asarray((self.evidence.is_compared & ~self.evidence.may_test).any(axis=2))

    @property
    def is_undecided(self) -> Bools:
        """Whether a decision could have been taken and was not, (E, T)."""
        return np.asarray(self.decisions.is_open & ~self.decisions.is_decided)

    @property
    def waits_for_look(self) -> Bools:
        """Whether an arm with enough conversions has had no look yet, (E, T)."""
        has_no_look = (self.evidence.is_compared & np.isnan(self.evidence.lower)).any(axis=2)
        return np.asarray(self.is_undecided & ~self.has_untested_arm & has_no_look)

    @property
    def has_no_posterior(self) -> Bools:
        """Whether there is something to compare and no posterior, (E, T)."""
        is_unknown = np.isnan(self.panel.probability_beats_control).all(axis=2)
        return np.asarray(self.evidence.is_compared.any(axis=2) & is_unknown)

    @property
    def is_unexplained(self) -> Bools:
        """Whether no other reason explains why nothing was decided, (E, T)."""
        return self.is_undecided & ~has_cause(self)
