"""Build the parts of an answer from one decoded experiment-day; `abtest_lib.answers` declares them."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import TypeVar, cast

import numpy as np
from pydantic_core import to_json

from abtest_lib.answers import (
    Arm,
    ArmEstimate,
    ChiSquare,
    FunnelStep,
    FunnelVariant,
    HistoryPoint,
    HistoryVariant,
    Interval,
    Lift,
    Release,
    Result,
    ResultAnswer,
    ResultVariant,
    VariantId,
    Verdict,
)
from abtest_lib.contracts.enums import Role, Window
from abtest_lib.verdict.rules import most_stray_users
from api.http.names import public_id
from api.store.day_file import ABSENT, DECISIONS, SRM_STATUSES, ExperimentDay
from api.store.directory import to_date

T = TypeVar("T")
CONTROL, TREATMENT = Role.CONTROL.value, Role.TREATMENT.value
LEFT_OUT, FALLBACK = Role.LEFT_OUT.value, Role.FALLBACK.value


def encode(answer: Mapping[str, object]) -> bytes:
    """Return an answer as JSON; infinities and NaN become null.

    Examples:
        >>> encode({"lift": float("inf"), "id": 5001})
        b'{"lift":null,"id":5001}'
    """
    return to_json(answer, inf_nan_mode="null")


def encode_with_points(about: Mapping[str, object], points: Iterable[HistoryPoint]) -> bytes:
    """Return an answer with a long list of points; they are encoded one by one, so that other threads get their turn.

    Examples:
        >>> encode_with_points({"name": "a"}, [{"x": 1}, {"x": 2}])
        b'{"points":[{"x":1},{"x":2}],"name":"a"}'
    """
    return b'{"points":[' + b",".join(map(encode, points)) + b"]," + encode(about)[1:]


def count(value: float | None) -> int | None:
    """Return a count that was stored as a double."""
    return None if value is None else int(value)


def iso(day: float | None) -> str | None:
    """Return a day of the index as `YYYY-MM-DD`."""
    found = to_date(day)
    return None if found is None else found.isoformat()


def _required(value: T | None) -> T:
    """Return a value that the contract requires; a lake that breaks the contract gives null, not an error."""
    return cast("T", value)


def control_of(day: ExperimentDay) -> str | None:
    """Return the control: the verdict's, else the arm that a posterior names."""
    if day.verdict is not None:
        control: str | None = day.verdict["control_id"]
        return control
    flagged = (
        name
        for arm, name in enumerate(day.names)
        if day.value(arm, "posterior.to_date.is_control") or day.value(arm, "posterior.day.is_control")
    )
    return next(flagged, None)


def roles(day: ExperimentDay) -> list[str | None]:
    """Return the role of each arm; null while the experiment has no verdict."""
    control = control_of(day)
    if control is None and day.verdict is None:
        return [None] * len(day.names)
    judged = [_is_judged(day, arm) for arm in range(len(day.names))]
    return [
        CONTROL if name == control else TREATMENT if judged[arm] or not any(judged) else _unjudged(day, arm)
        for arm, name in enumerate(day.names)
    ]


def _unjudged(day: ExperimentDay, arm: int) -> str:
    """Return the role of an arm without a verdict: few stray users, or a fallback."""
    said = verdict(day)
    if said is None or "stray_users" not in said["reasons"]:
        return FALLBACK
    users = [day.value(other, "to_date.users") or 0 for other in range(len(day.names))]
    return LEFT_OUT if users[arm] <= most_stray_users(np.float64(sum(users))) else FALLBACK


_JUDGED = ("posterior.to_date.users", "posterior.day.users", "comparison.to_date.difference")


def _is_judged(day: ExperimentDay, arm: int) -> bool:
    return day.pick(arm, _JUDGED) != (None, None, None)


def interval(lower: float | None, upper: float | None) -> Interval | None:
    """Return an interval; null unless both ends are known."""
    return None if lower is None or upper is None else {"lower": lower, "upper": upper}


def _rate(users: int | None, purchases: int | None) -> float | None:
    return purchases / users if users and purchases is not None else None


def _estimate_columns(window: Window) -> tuple[str, ...]:
    counts, model = ("daily" if window is Window.DAY else "to_date"), f"posterior.{window}"
    first = ("users", "purchases", "interval_lower", "interval_upper", "probability_best")
    more = ("probability_beats_control", "expected_loss", "lift_median", "lift_lower", "lift_upper")
    return f"{counts}.users", f"{counts}.purchases", *(f"{model}.{name}" for name in (*first, *more))


_ESTIMATE = {window: _estimate_columns(window) for window in Window}


def estimate(day: ExperimentDay, arm: int, window: Window) -> ArmEstimate:
    """Return the counts of one arm in a window and the model's estimates."""
    users, purchases, modelled_users, modelled_purchases, lower, upper, best, beats, loss, median, low, high = day.pick(
        arm, _ESTIMATE[window]
    )
    if users is None:
        users, purchases = modelled_users, modelled_purchases
    trials, successes = count(users), count(purchases)
    # A literal: mypy checks it like a call, and Python builds it in a quarter of the time.
    return {
        "users": trials,
        "purchases": successes,
        "conversion_rate": _rate(trials, successes),
        "interval": interval(lower, upper),
        "probability_best": best,
        "probability_beats_control": beats,
        "expected_loss": loss,
        "lift": None if median is None else {"median": median, "lower": low, "upper": high},
    }


def verdict(day: ExperimentDay) -> Verdict | None:
    """Return the verdict as of the day; null without one."""
    words, entry = day.verdict, day.entry
    if words is None:
        return None
    return Verdict(
        is_valid=bool(entry.is_valid),
        decision=_required(word(DECISIONS, entry.decision)),
        reasons=words["reasons"] or [],
        winner=public_id(words["winner"]),
        decided_on=iso(entry.number("decided_on")),
        period_start=_required(iso(entry.number("period_start"))),
        control=public_id(words["control_id"]),
        srm_p_value=entry.number("srm_p_value"),
        srm_status=_required(word(SRM_STATUSES, entry.srm_status)),
        cross_exposed_share=entry.number("cross_exposed_share"),
        information_fraction=entry.number("information_fraction"),
        model_version=words["model_version"],
        explanation=words["explanation"],
    )


def word(words: tuple[T, ...], code: float) -> T | None:
    """Return the value of a code in the index."""
    return None if code == ABSENT else words[int(code)]


def result(written: str, day: date, found: ExperimentDay, table_version: int | None, release: Release) -> ResultAnswer:
    """Return the answer to `/experiment/{name}/result`."""
    seen = [arm for arm in range(len(found.names)) if found.value(arm, "daily.users") is not None]
    role, said = roles(found), verdict(found)
    about = Result(
        exp_name=written,
        day=day.isoformat(),
        number_of_participants=count(found.entry.number("participants")),
        winner=said and said["winner"],
        variants=[_result_variant(found, arm, role[arm]) for arm in seen],
        most_purchases=_most_purchases(found, seen),
        decision=said and said["decision"],
        is_valid=said and said["is_valid"],
        reasons=said["reasons"] if said else [],
        explanation=said and said["explanation"],
        decided_on=said and said["decided_on"],
        control=public_id(control_of(found)),
        table_version=table_version,
        release=release,
    )
    return ResultAnswer(results=about)


def _result_variant(found: ExperimentDay, arm: int, role: str | None) -> ResultVariant:
    today, to_date = estimate(found, arm, Window.DAY), estimate(found, arm, Window.TO_DATE)
    return ResultVariant(
        id=public_id(found.names[arm]),
        number_of_purchases=today["purchases"] or 0,
        users=_required(today["users"]),
        role=role,
        conversion_rate=today["conversion_rate"],
        interval=today["interval"],
        probability_best=today["probability_best"],
        lift=today["lift"],
        to_date=None if to_date["users"] is None else to_date,
    )


def _most_purchases(found: ExperimentDay, seen: list[int]) -> VariantId | None:
    bought = sorted(((found.value(arm, "daily.purchases") or 0, arm) for arm in seen), reverse=True)
    if not bought or not bought[0][0] or (len(bought) > 1 and bought[0][0] == bought[1][0]):
        return None
    return public_id(found.names[bought[0][1]])


def history_point(day: date, found: ExperimentDay, window: Window = Window.TO_DATE) -> HistoryPoint:
    """Return one day of a history."""
    role = roles(found)
    return HistoryPoint(
        day=day.isoformat(),
        participants=count(found.entry.number("participants")),
        participants_to_date=count(found.entry.number("participants_to_date")),
        verdict=verdict(found),
        chi_square=_chi_square(found, window),
        variants=[_history_variant(found, arm, role[arm], window) for arm in range(len(found.names))],
    )


_OMNIBUS = {
    window: tuple(f"comparison.{window}.{name}" for name in ("chi_square", "chi_square_dof", "chi_square_p_value"))
    for window in Window
}


def _chi_square(found: ExperimentDay, window: Window) -> ChiSquare | None:
    """Return the omnibus test, which every compared arm repeats."""
    for arm in range(len(found.names)):
        statistic, dof, p_value = found.pick(arm, _OMNIBUS[window])
        if statistic is not None and dof is not None and p_value is not None:
            return ChiSquare(statistic=statistic, dof=int(dof), p_value=p_value)
    return None


_COMPARED = ("difference", "difference_lower", "difference_upper", "decision_lower", "decision_upper")
_PAIR = {
    window: tuple(f"comparison.{window}.{name}" for name in (*_COMPARED, "statistic", "boundary", "p_adjusted"))
    for window in Window
}


def _history_variant(found: ExperimentDay, arm: int, role: str | None, window: Window) -> HistoryVariant:
    pair = found.pick(arm, _PAIR[window])
    difference, lower, upper, decision_lower, decision_upper, statistic, boundary, p_adjusted = pair
    return HistoryVariant(
        **estimate(found, arm, window),
        id=public_id(found.names[arm]),
        role=role,
        difference=difference,
        difference_interval=interval(lower, upper),
        decision_interval=interval(decision_lower, decision_upper),
        statistic=statistic,
        boundary=boundary,
        p_adjusted=p_adjusted,
    )


def arms(found: ExperimentDay) -> list[Arm]:
    """Return every arm to date."""
    role = roles(found)
    return [
        Arm(**estimate(found, arm, Window.TO_DATE), id=public_id(name), role=role[arm])
        for arm, name in enumerate(found.names)
    ]


def challenger(found: ExperimentDay) -> tuple[VariantId | None, Lift | None]:
    """Return the arm other than the control that is most probably best to date, and its lift; nulls without one."""
    role = roles(found)
    rated = [
        (found.value(arm, "posterior.to_date.probability_best") or 0.0, -arm)
        for arm in range(len(found.names))
        if role[arm] == TREATMENT
    ]
    if not rated:
        return None, None
    best = -max(rated)[1]
    return public_id(found.names[best]), estimate(found, best, Window.TO_DATE)["lift"]


def funnel(found: ExperimentDay, rows: list[tuple[str, int, int, int]]) -> list[FunnelStep]:
    """Return the steps of a funnel, the one with most users first."""
    steps: dict[str, list[FunnelVariant]] = {}
    for event, arm, users, bought in sorted(rows, key=lambda row: row[1]):
        variant = FunnelVariant(id=public_id(found.names[arm]), users=users, purchases=bought)
        steps.setdefault(event, []).append(variant)
    ordered = sorted(steps.items(), key=lambda step: (-sum(row["users"] for row in step[1]), step[0]))
    return [FunnelStep(event_name=event, variants=variants) for event, variants in ordered]
