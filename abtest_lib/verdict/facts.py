"""The numbers that an explanation needs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from abtest_lib.metrics import PURCHASE
from abtest_lib.verdict.judged_days import JudgedDays, as_nullable
from abtest_lib.verdict.sentence_goals import SentenceGoals
from abtest_lib.verdict.shown_metric import ShownMetric


@dataclass(frozen=True, slots=True)
class Facts:
    """The numbers of one explanation; None where there is no such number.

    Attributes:
        day: The as-of day.
        decision: A `Decision`'s value.
        reasons: Reason codes, the strongest effect first.
        arm: The arm to ship, else the one with the largest difference.
        control: The control.
        users: Users of the arm.
        purchases: Those who converted.
        control_users: Users of the control.
        control_purchases: Those who converted.
        lower: Lower end of the decision interval of the difference, in the goal's unit, on the day of the decision, or
            on this day without one; None before the first look, as an interval of one day does not cover daily looks.
        upper: Upper end of it.
        arms: Arms with users, including the control.
        decided_on: The day on which the decision was taken.
        counts: Arm, its users and its expected users, in order of id.
        ratio_p_value: p-value of the sample-ratio test.
        cross_exposed_share: Users who saw several arms, of all.
        smallest_untested: The smallest arm with too few conversions for a test, its users and those who converted.
        stray_days: Days with too few users to be counted.
        goal: The goal that decided, else the one in which the arm is best; None for conversion.
        metrics: Reason code to the metrics that it is about.
    """

    day: date
    decision: str
    reasons: Sequence[str]
    arm: str | None
    control: str | None
    users: float
    purchases: float
    control_users: float
    control_purchases: float
    lower: float | None
    upper: float | None
    arms: int
    decided_on: date | None
    counts: Sequence[tuple[str, float, float]]
    ratio_p_value: float | None
    cross_exposed_share: float | None
    smallest_untested: tuple[str, float, float] | None = None
    stray_days: Sequence[date] = ()
    goal: ShownMetric | None = None
    metrics: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def shown(self) -> ShownMetric:
        """The metric of the sentence."""
        conversion = (self.purchases / self.users, self.control_purchases / self.control_users)
        return self.goal or ShownMetric(PURCHASE, *conversion)


def gather_facts(days: JudgedDays, reasons: Sequence[Sequence[str]]) -> Iterator[Facts]:
    """Gather the numbers of each day's explanation.

    Args:
        days: The days.
        reasons: Reason codes of each.

    Yields:
        The facts, day by day.
    """
    judgement = days.judgement
    panel, decisions = judgement.panel, judgement.decisions
    arm, decided = days.select(decisions.arm), days.select(decisions.decided)
    is_shipped = arm >= 0
    arm = np.where(is_shipped, arm, days.select(judgement.best_arm.index))
    goal = np.where(is_shipped, days.select(decisions.goal), days.select(judgement.best_arm.goal))
    row, k = np.arange(len(days)), np.maximum(arm, 0)
    goals = SentenceGoals(days, goal, k)
    day = np.where(decided >= 0, decided, days.day)
    columns: dict[str, Iterable[object]] = {
        "day": days.select(panel.day).tolist(),
        "decision": days.select(decisions.decision).tolist(),
        "reasons": reasons,
        "arm": days.arm_names(arm),
        "control": days.control_ids,
        "users": days.select(panel.users)[row, k].tolist(),
        "purchases": days.select(panel.purchases)[row, k].tolist(),
        "control_users": days.control_users.tolist(),
        "control_purchases": days.control_purchases.tolist(),
        "lower": as_nullable(goals.values(lambda one: one.evidence.lower, day)),
        "upper": as_nullable(goals.values(lambda one: one.evidence.upper, day)),
        "arms": days.select(judgement.validity.active_arms).tolist(),
        "decided_on": days.dates(decided),
        "counts": _counts(days),
        "ratio_p_value": as_nullable(days.select(judgement.validity.ratio_p_value)),
        "cross_exposed_share": as_nullable(days.select(judgement.validity.cross_exposed_share)),
        "goal": goals.shown(),
        "metrics": goals.metrics_of(reasons),
        "smallest_untested": _smallest_untested(days),
        "stray_days": _stray_days(days),
    }
    for values in zip(*columns.values(), strict=True):
        yield Facts(**dict(zip(columns, values, strict=True)))


def _counts(days: JudgedDays) -> Iterator[list[tuple[str, float, float]]]:
    """List the arms that each day knows of with their users and expected users."""
    panel, users = days.judgement.panel, days.select(days.judgement.panel.users)
    expected = days.select(panel.shares) * users.sum(axis=1, keepdims=True)
    is_known = days.select(panel.is_seen | (panel.shares > 0))
    for i, *values in zip(days.experiment.tolist(), users.tolist(), expected.tolist(), is_known.tolist(), strict=True):
        yield [(arm, n, m) for arm, n, m, known in zip(panel.arms[i], *values, strict=False) if known]


def _smallest_untested(days: JudgedDays) -> Iterator[tuple[str, float, float] | None]:
    """Find the smallest arm with too few conversions for a test, its users and those who converted."""
    panel, evidence = days.judgement.panel, days.judgement.evidence
    users, purchases = days.select(panel.users), days.select(panel.purchases)
    untested = np.where(days.select(evidence.is_compared & ~evidence.may_test), users, np.inf)
    smallest, row = np.argmin(untested, axis=1), np.arange(len(days))
    names = days.arm_names(np.where(np.isfinite(untested[row, smallest]), smallest, -1))
    counts = zip(names, users[row, smallest].tolist(), purchases[row, smallest].tolist(), strict=True)
    return ((name, n, x) if name is not None else None for name, n, x in counts)


def _stray_days(days: JudgedDays) -> Iterator[list[date]]:
    panel = days.judgement.panel
    has_strays = days.select(panel.has_strays).tolist()
    rows = zip(days.experiment.tolist(), days.day.tolist(), has_strays, strict=True)
    return (panel.stray_days(i, t) if found else [] for i, t, found in rows)
