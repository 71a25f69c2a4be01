"""Build what an experiment did to its metrics, from one decoded experiment-day."""

from collections.abc import Collection, Iterable
from typing import Literal

from abtest_lib.answers import MetricArm, MetricResult, Scorecard
from abtest_lib.contracts.enums import MetricRole
from abtest_lib.errors import UsageError, one_line
from abtest_lib.metrics import PURCHASE, Catalogue
from abtest_lib.near_names import suggest
from api.http.names import public_id
from api.routes.arms import count, interval
from api.routes.verdicts import control_of
from api.store.day_file import ExperimentDay
from api.store.metric_section import EVERYBODY, NUMBERS, OF_PURCHASES, MetricRow, Numbers

_GOAL, _GUARDRAIL, _OBSERVED = (role.value for role in MetricRole)
_ROLES = (_GOAL, _GUARDRAIL, _OBSERVED)
_LISTS: dict[str, Literal["goals", "guardrails", "observed"]] = {
    _GOAL: "goals",
    _GUARDRAIL: "guardrails",
    _OBSERVED: "observed",
}
_AT = {name: position for position, name in enumerate(NUMBERS)}
_MARGIN, _CONTROL_USERS, _CONTROL_VALUE = (_AT[name] for name in ("margin", "control_users", "control_value"))


class UnknownNameError(UsageError):
    """There is no metric or segment of this name; answered with 404."""


def scorecard(found: ExperimentDay, catalogue: Catalogue) -> Scorecard:
    """Return the metrics of all users by their role."""
    card: Scorecard = {"goals": [], "guardrails": [], "observed": []}
    rows = _purchases(found)
    if found.metric_data:
        rows += found.metrics()
    for item in metric_results(found, rows, catalogue):
        card[_LISTS[item["role"]]].append(item)
    return card


def all_metrics(found: ExperimentDay, segments: Iterable[MetricRow], catalogue: Catalogue) -> list[MetricResult]:
    """Return the metrics of all users, then those of segments; goals first, then guardrails, then others."""
    results = metric_results(found, [*_purchases(found), *found.metrics(), *segments], catalogue)
    return sorted(results, key=lambda item: (_ROLES.index(item["role"]), item["segment"] != EVERYBODY))


def one_metric(
    found: ExperimentDay, segments: Iterable[MetricRow], chosen: tuple[str, str], catalogue: Catalogue
) -> MetricResult | None:
    """Return one metric in one segment; None where the day has no result of it."""
    every = segments if chosen[1] != EVERYBODY else [*_purchases(found), *found.metrics()]
    rows = (row for row in every if (row.metric, row.segment) == chosen)
    return next(iter(metric_results(found, rows, catalogue)), None)


def choose(results: list[MetricResult], metric: str | None, segment: str | None) -> list[MetricResult]:
    """Return the results of a metric, or of a segment, or of the segments by a column.

    Raises:
        UnknownNameError: There is no such metric or segment; the message names the nearest ones.
    """
    metrics = {item["metric"] for item in results}
    segments = {name for item in results for name in (item["segment"], item["segment"].partition("=")[0])}
    require("metric", metric, metrics)
    require("segment", segment, segments)
    return [
        item
        for item in results
        if metric in (None, item["metric"]) and segment in (None, item["segment"], item["segment"].partition("=")[0])
    ]


def require(kind: str, name: str | None, known: Collection[str]) -> None:
    """Check that a name is known; None is no name.

    Raises:
        UnknownNameError: It is not; the message names the nearest ones.
    """
    if name is not None and name not in known:
        raise UnknownNameError(
            f"{kind} '{one_line(name, 80)}': there are no results of it{suggest(name, sorted(known))}"
        )


def metric_results(found: ExperimentDay, rows: Iterable[MetricRow], catalogue: Catalogue) -> list[MetricResult]:
    """Return one result per metric and segment, in the order of their first rows."""
    results: dict[tuple[str, str], MetricResult] = {}
    for row in rows:
        key = row.metric, row.segment
        if key not in results:
            results[key] = _result(row, catalogue)
        results[key]["arms"].append(_arm(found, row))
    return list(results.values())


def _result(row: MetricRow, catalogue: Catalogue) -> MetricResult:
    """Return a metric in one segment, without its arms."""
    declared = catalogue.get(row.metric)
    return {
        "metric": row.metric,
        "segment": row.segment,
        "role": row.role or _GOAL,
        "type": None if declared is None else declared.type.value,
        "direction": None if declared is None else declared.direction.value,
        "unit": None if declared is None else declared.unit,
        "margin": row.numbers[_MARGIN],
        "control_users": count(row.numbers[_CONTROL_USERS]),
        "control_value": row.numbers[_CONTROL_VALUE],
        "arms": [],
    }


def _arm(found: ExperimentDay, row: MetricRow) -> MetricArm:
    _, users, _, value, _, difference, lower, upper, lift, lift_lower, lift_upper, *more = row.numbers
    decision_lower, decision_upper, boundary, p_adjusted, p_holm, *more = more
    unadjusted, unadjusted_lower, unadjusted_upper, reduction, interaction, *more = more
    best, beats, loss, capped, mature = more
    return {
        "id": public_id(found.names[row.arm]),
        "status": row.status,
        "users": count(users),
        "value": value,
        "difference": difference,
        "difference_interval": interval(lower, upper),
        "decision_interval": interval(decision_lower, decision_upper),
        "boundary": boundary,
        "observed_lift": lift,
        "observed_lift_interval": interval(lift_lower, lift_upper),
        "p_adjusted": p_adjusted,
        "p_holm": p_holm,
        "unadjusted_difference": unadjusted,
        "unadjusted_interval": interval(unadjusted_lower, unadjusted_upper),
        "variance_reduction": reduction,
        "interaction_p_value": interaction,
        "probability_best": best,
        "probability_beats_control": beats,
        "expected_loss": loss,
        "capped_users": count(capped),
        "mature_users": count(mature),
    }


_ROLE, _STATUS = "comparison.to_date.role", "comparison.to_date.status"
_COUNTS = ("to_date.users", "to_date.purchases")
_COLUMNS = (*_COUNTS, *OF_PURCHASES)


def _purchases(found: ExperimentDay) -> list[MetricRow]:
    """Return the rows of purchases by all users, which are kept with the arms."""
    rows, control = [], control_of(found)
    control_users, control_value = _conversion(found, found.names.index(control)) if control in found.names else _NONE
    for arm in range(len(found.names)):
        role = found.text(arm, _ROLE)
        if role is not None:
            users, purchases, margin, _, _, _, _, *others = found.pick(arm, _COLUMNS)
            value = _share(purchases, users)
            numbers: Numbers = (margin, users, control_users, value, control_value, *others)
            rows.append(MetricRow(arm, PURCHASE, EVERYBODY, role, found.text(arm, _STATUS), numbers))
    return rows


_NONE = (None, None)


def _conversion(found: ExperimentDay, arm: int) -> tuple[float | None, float | None]:
    """Return the users of an arm to date, and the share of them who bought."""
    users, purchases = found.pick(arm, _COUNTS)
    return users, _share(purchases, users)


def _share(purchases: float | None, users: float | None) -> float | None:
    return purchases / users if users and purchases is not None else None
