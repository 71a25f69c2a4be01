"""The scorecard of an experiment and its segments as tables, for the page and for the report."""

from collections.abc import Iterator, Sequence
from typing import Any

from abtest_lib import answers
from abtest_lib.contracts.enums import MetricRole, MetricStatus
from abtest_lib.metrics import PURCHASE
from dashboard import columns, formatting, labels, markup
from dashboard.lift_scale import lift_reach
from dashboard.metric_formatting import metric_difference, metric_interval, metric_value

EVERYBODY = "all"
_SIDES: dict[str | None, str] = {MetricStatus.BETTER: "up", MetricStatus.WORSE: "down"}
Results = Sequence[answers.MetricResult]
Cells = dict[str, markup.Cell]


def of_everybody(results: Results) -> list[answers.MetricResult]:
    """Return the metrics of all users; none if there is nothing but conversion to show."""
    found = [item for item in results if item["segment"] == EVERYBODY]
    return found if any(item["metric"] != PURCHASE for item in found) else []


def of_segments(results: Results) -> list[answers.MetricResult]:
    """Return the goals and guardrails by segment."""
    return [item for item in results if item["segment"] != EVERYBODY and item["role"] != MetricRole.OBSERVED]


def scorecard_table(results: Results) -> str:
    """Write the metrics of all users: goals first, then guardrails, then others; one row per arm."""
    reach = lift_reach(_lifts(results))
    low, high = formatting.scale(reach)
    rows = [_row(item, arm, reach) for item in results for arm in item["arms"]]
    return markup.table(columns.SCORECARD, rows, labels.SCORECARD_NOTE.format(low=low, high=high))


def segments_table(results: Results) -> str:
    """Write one metric by segment, with the tests whether the effect differs."""
    reach = lift_reach(_lifts(results))
    low, high = formatting.scale(reach)
    rows = [_segment_row(item, arm, reach) for item in results for arm in item["arms"]]
    note = [*_interactions(results), labels.LIFT_SCALE.format(low=low, high=high)]
    return markup.table(columns.SEGMENTS, rows, " ".join(note))


def csv_rows(results: Results) -> Iterator[dict[str, Any]]:
    """Yield one row for each metric, segment and arm, with the numbers as the API gave them."""
    for item in results:
        about = {key: value for key, value in item.items() if key != "arms"}
        yield from ({**about, **arm} for arm in item["arms"])


def lift_of(arm: answers.MetricArm) -> answers.Lift | None:
    """Return the observed lift of an arm with its interval."""
    lift, interval = arm["observed_lift"], arm["observed_lift_interval"]
    if lift is None:
        return None
    ends = (None, None) if interval is None else (interval["lower"], interval["upper"])
    return answers.Lift(median=lift, lower=ends[0], upper=ends[1])


def _lifts(results: Results) -> list[answers.Lift | None]:
    return [lift_of(arm) for item in results for arm in item["arms"]]


def _row(item: answers.MetricResult, arm: answers.MetricArm, reach: float) -> Cells:
    return {
        "metric": markup.named(item["metric"], labels.METRIC_ROLES.get(item["role"], item["role"])),
        "status": markup.status(arm["status"], list(_details(item, arm))),
        "decision": metric_interval(arm["decision_interval"], item),
        **_values(item, arm, reach, _SIDES.get(arm["status"], "")),
    }


def _segment_row(item: answers.MetricResult, arm: answers.MetricArm, reach: float) -> Cells:
    users = formatting.count(arm["users"])
    return {"segment": item["segment"], "users": users, **_values(item, arm, reach, "")}


def _values(item: answers.MetricResult, arm: answers.MetricArm, reach: float, side: str) -> Cells:
    return {
        "arm": formatting.arm_name(arm["id"], None),
        "control": metric_value(item["control_value"], item),
        "value": metric_value(arm["value"], item),
        "lift": markup.lift_bar(lift_of(arm), reach, side),
    }


def _details(item: answers.MetricResult, arm: answers.MetricArm) -> Iterator[str]:
    """Yield what a status needs to be understood: margin, covariate, cap."""
    if item["margin"] is not None:
        yield labels.MARGIN.format(value=metric_difference(item["margin"], item, signed=False))
    if arm["unadjusted_difference"] is not None:
        yield labels.ADJUSTED.format(value=metric_difference(arm["unadjusted_difference"], item))
    if arm["capped_users"]:
        yield labels.CAPPED.format(users=formatting.count(arm["capped_users"]))


def _interactions(results: Results) -> Iterator[str]:
    tested = {
        (item["segment"].partition("=")[0], arm["id"]): arm["interaction_p_value"]
        for item in results
        for arm in item["arms"]
    }
    for (column, arm), p_value in tested.items():
        if p_value is not None:
            name, equation = formatting.arm_name(arm, None), formatting.p_equation(p_value)
            yield labels.INTERACTION.format(arm=name, column=column, p=equation)
