"""Answers about metrics: the catalogue, and what an experiment did to each metric."""

from typing import Annotated

from typing_extensions import TypedDict

from abtest_lib.answers.common import (
    Count,
    Day,
    Direction,
    FromRelease,
    Interval,
    MetricRole,
    MetricStatus,
    MetricType,
    Share,
    VariantId,
    about,
    answer,
)
from abtest_lib.contracts import COMPARISONS, METRIC_TO_DATE

_UNKNOWN = "null where the API does not have the catalogue"
Type = Annotated[MetricType | None, about(f"what is averaged over users; {_UNKNOWN}")]
BetterDirection = Annotated[Direction | None, about(f"which direction is better; {_UNKNOWN}")]
Unit = Annotated[str | None, about(f"the unit of the value; empty where it has none, {_UNKNOWN}")]


@answer(COMPARISONS)
class MetricArm(TypedDict):
    """One arm in one metric, compared with the control, to date."""

    id: VariantId
    status: MetricStatus | None
    users: Count | None
    value: float | None
    difference: float | None
    difference_interval: Annotated[Interval | None, about("simultaneous interval of one look at the difference")]
    decision_interval: Annotated[Interval | None, about("interval over all looks; the status rests on it")]
    boundary: float | None
    observed_lift: Annotated[float | None, about("value over the control's minus one, a ratio")]
    observed_lift_interval: Annotated[Interval | None, about("simultaneous interval of the observed lift")]
    p_adjusted: Share | None
    p_holm: Share | None
    unadjusted_difference: float | None
    unadjusted_interval: Annotated[Interval | None, about("simultaneous interval without the covariate")]
    variance_reduction: float | None
    interaction_p_value: Share | None
    probability_best: Annotated[Share | None, about("posterior probability that the arm is best; null for segments")]
    probability_beats_control: Annotated[
        Share | None, about("posterior probability that the arm is better than the control; null for segments")
    ]
    expected_loss: Annotated[float | None, about("lost on average by choosing the arm, in the metric's unit")]
    capped_users: Annotated[Count | None, about("users of the arm whose value is cut off at the cap; null without one")]
    mature_users: Annotated[Count | None, about("users of the arm whose window has closed; null without a window")]


@answer(COMPARISONS)
class MetricResult(TypedDict):
    """One metric of an experiment, to date, of all users or of one segment."""

    metric: str
    segment: str
    role: MetricRole
    type: Type
    direction: BetterDirection
    unit: Unit
    margin: float | None
    control_users: Count | None
    control_value: float | None
    arms: Annotated[list[MetricArm], about("the arms that are compared with the control")]


@answer()
class Scorecard(TypedDict):
    """What an experiment did to its metrics, to date."""

    goals: Annotated[list[MetricResult], about("the metrics of which one must be proven better")]
    guardrails: Annotated[list[MetricResult], about("the metrics that must not be worse by more than their margin")]
    observed: Annotated[list[MetricResult], about("the metrics on which the decision does not depend")]


@answer(METRIC_TO_DATE)
class MetricResults(TypedDict):
    """The metrics of one experiment on one day, to date, with the segments."""

    name: Annotated[str, about("the experiment")]
    day: Day
    metrics: Annotated[list[MetricResult], about("goals first, then guardrails, then others; segments after all users")]
    release: FromRelease


@answer()
class Metric(TypedDict):
    """One metric of the catalogue."""

    name: Annotated[str, about("the metric")]
    type: Type
    direction: BetterDirection
    unit: Unit
    description: Annotated[str | None, about(f"a sentence for a person; {_UNKNOWN}")]
    in_release: Annotated[bool, about("whether the release has results of it")]


@answer()
class MetricList(TypedDict):
    """The metrics of the catalogue and of the release."""

    metrics: Annotated[list[Metric], about("`purchase` first, then by name")]
    release: FromRelease
