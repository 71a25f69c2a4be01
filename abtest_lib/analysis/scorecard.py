"""The metrics of an experiment: goals, guardrails and the others, each arm against the control, to date."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from abtest_lib.analysis.arms import Comparison, Interval, interval_of, make_comparison, number_of
from abtest_lib.contracts import COMPARISONS
from abtest_lib.contracts.enums import MetricRole, MetricStatus, Window
from abtest_lib.contracts.older import complete_row
from abtest_lib.metrics import PURCHASE, Catalogue
from abtest_lib.verdict.control import arm_order
from abtest_lib.verdict.rules import EVERYBODY

_ROLES = list(MetricRole)
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricResult:
    """One metric of one arm against the control, to date, of all users or of one segment.

    Attributes:
        metric: The metric.
        segment: `all`, or `column=value`.
        role: Whether it is a goal, a guardrail, or only observed.
        status: What is proven; None in a release of an older version.
        margin: The largest loss that a guardrail accepts, in the metric's unit; None for other roles.
        arm: The variant.
        control: The arm that it is compared with.
        users: Users of the arm; None in a release of an older version.
        control_users: Users of the control; None where `users` is.
        value: The arm's proportion, mean per user, or ratio; None where it is not defined.
        control_value: The same of the control.
        comparison: The arm against the control, adjusted by the covariate where there is one; None without a value.
        unadjusted_difference: The difference without the covariate; None without one.
        unadjusted_interval: Its interval.
        variance_reduction: Share of the variance that the covariate removes, a proportion; None without one.
        interaction_p_value: Of the test whether the effect differs between the segments; None for all users.
        probability_best: Probability that the arm is best; None without a posterior.
        probability_beats_control: Probability that it is better than the control; None without a posterior.
        expected_loss: What is lost on average by choosing the arm, in the metric's unit; None without a posterior.
        unit: The unit of the metric; empty where it has none or the catalogue is not at hand.
        is_proportion: Whether the value is a share of the users.
    """

    metric: str
    segment: str
    role: MetricRole
    status: MetricStatus | None
    margin: float | None
    arm: str
    control: str
    users: int | None
    control_users: int | None
    value: float | None
    control_value: float | None
    comparison: Comparison | None
    unadjusted_difference: float | None
    unadjusted_interval: Interval | None
    variance_reduction: float | None
    interaction_p_value: float | None
    probability_best: float | None
    probability_beats_control: float | None
    expected_loss: float | None
    unit: str
    is_proportion: bool

    @property
    def lift(self) -> float | None:
        """The arm's value over the control's minus one, a ratio."""
        return None if self.comparison is None else self.comparison.lift

    @property
    def lift_interval(self) -> Interval | None:
        """Simultaneous 95 % interval of the lift, ratios."""
        return None if self.comparison is None else self.comparison.lift_interval


def make_metrics(comparisons: Iterable[Row], posteriors: Iterable[Row], catalogue: Catalogue) -> list[MetricResult]:
    """Make the results of all metrics from rows of one experiment and day.

    Args:
        comparisons: Rows of gold/comparisons.
        posteriors: Rows of gold/posteriors.
        catalogue: Knows units and which metrics are proportions.

    Returns:
        Goals first, then guardrails, then others; each by metric, segment and arm.
    """
    fitted = {(row["metric"], row["variant_id"]): row for row in posteriors if row["window"] == Window.TO_DATE}
    rows = (complete_row(COMPARISONS, row) for row in comparisons if row["window"] == Window.TO_DATE)
    found = [_result(row, _posterior_of(row, fitted), catalogue) for row in rows]
    return sorted(found, key=lambda item: (*_order(item), item.segment, arm_order(item.arm)))


def of_purchases(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield the rows about purchases by all users, which every release has."""
    return (
        row for row in rows if row.get("metric", PURCHASE) == PURCHASE and row.get("segment", EVERYBODY) == EVERYBODY
    )


def has_own_metrics(found: Sequence[MetricResult]) -> bool:
    """Return whether there is more to say than whether the arms convert better."""
    return any(item.metric != PURCHASE for item in found)


def _order(item: MetricResult) -> tuple[int, bool, str]:
    return _ROLES.index(item.role), item.metric != PURCHASE, item.metric


def _posterior_of(row: Row, fitted: Mapping[tuple[str, str], Row]) -> Row:
    """Return the posterior of an arm; there are none of segments."""
    return fitted.get((row["metric"], row["variant_id"]), {}) if row["segment"] == EVERYBODY else {}


def _result(row: Row, posterior: Row, catalogue: Catalogue) -> MetricResult:
    declared = catalogue.get(row["metric"])
    return MetricResult(
        metric=row["metric"],
        segment=row["segment"],
        role=MetricRole(row["role"]),
        status=None if row["status"] is None else MetricStatus(row["status"]),
        margin=number_of(row, "margin"),
        arm=row["variant_id"],
        control=row["control_id"],
        users=row["users"],
        control_users=row["control_users"],
        value=number_of(row, "value"),
        control_value=number_of(row, "control_value"),
        comparison=make_comparison(row),
        unadjusted_difference=number_of(row, "unadjusted_difference"),
        unadjusted_interval=interval_of(row, "unadjusted"),
        variance_reduction=number_of(row, "variance_reduction"),
        interaction_p_value=number_of(row, "interaction_p_value"),
        probability_best=number_of(posterior, "probability_best"),
        probability_beats_control=number_of(posterior, "probability_beats_control"),
        expected_loss=number_of(posterior, "expected_loss"),
        unit="" if declared is None else declared.unit,
        is_proportion=row["metric"] == PURCHASE if declared is None else declared.is_proportion,
    )
