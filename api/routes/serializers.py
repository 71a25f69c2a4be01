"""From one decoded experiment-day to the parts of an answer; `api.models` describes the shapes."""

from collections.abc import Iterable
from datetime import date
from typing import Any

import numpy as np
from pydantic_core import to_json

from abtest_lib.verdict.rules import most_stray_users
from api.http.names import public_id
from api.store.day_file import ABSENT, DECISIONS, SRM_STATUSES, ExperimentDay
from api.store.directory import to_date

Json = dict[str, Any]


def encode(answer: Json) -> bytes:
    """An answer as JSON; what JSON has no number for is null.

    Examples:
        >>> encode({"lift": float("inf"), "id": 5001})
        b'{"lift":null,"id":5001}'
    """
    return to_json(answer, inf_nan_mode="null")


def encode_with_points(about: Json, points: Iterable[Json]) -> bytes:
    """An answer with a long list of points, one after the other, so that other threads get their turn in between.

    Examples:
        >>> encode_with_points({"name": "a"}, [{"x": 1}, {"x": 2}])
        b'{"points":[{"x":1},{"x":2}],"name":"a"}'
    """
    return b'{"points":[' + b",".join(map(encode, points)) + b"]," + encode(about)[1:]


def count(value: float | None) -> int | None:
    """A count that was stored as a double."""
    return None if value is None else int(value)


def number(value: float) -> float | None:
    """A number of the index, where NaN stands for null."""
    return None if value != value else value  # noqa: PLR0124  NaN is what differs from itself


def iso(day: float) -> str | None:
    """A day of the index as `YYYY-MM-DD`."""
    found = to_date(day)
    return None if found is None else found.isoformat()


def control_of(day: ExperimentDay) -> str | None:
    """The control: the verdict's, else the arm whose posterior says so."""
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
    """The role of each arm: null while nothing was judged, `fallback` for variants that are counted but not judged."""
    control = control_of(day)
    if control is None and day.verdict is None:
        return [None] * len(day.names)
    judged = [_is_judged(day, arm) for arm in range(len(day.names))]
    return [
        "control" if name == control else "treatment" if judged[arm] or not any(judged) else _aside(day, arm)
        for arm, name in enumerate(day.names)
    ]


def _aside(day: ExperimentDay, arm: int) -> str:
    """Why an arm is not judged: it is a stray one, or a fallback."""
    if "stray_users" not in (verdict(day) or {}).get("reasons", ()):
        return "fallback"
    users = [day.value(other, "to_date.users") or 0 for other in range(len(day.names))]
    return "left_out" if users[arm] <= most_stray_users(np.float64(sum(users))) else "fallback"


_JUDGED = ("posterior.to_date.users", "posterior.day.users", "comparison.to_date.difference")


def _is_judged(day: ExperimentDay, arm: int) -> bool:
    return day.pick(arm, _JUDGED) != (None, None, None)


def interval(day: ExperimentDay, arm: int, lower: str, upper: str) -> Json | None:
    """Two columns as an interval; null unless both ends are known."""
    return _interval(day.value(arm, lower), day.value(arm, upper))


def _interval(lower: float | None, upper: float | None) -> Json | None:
    return None if lower is None or upper is None else {"lower": lower, "upper": upper}


def _rate(users: int | None, purchases: int | None) -> float | None:
    return purchases / users if users and purchases is not None else None


def _belief_columns(window: str) -> tuple[str, ...]:
    counts, model = ("daily" if window == "day" else "to_date"), f"posterior.{window}"
    believed = ("users", "purchases", "interval_lower", "interval_upper", "probability_best")
    more = ("probability_beats_control", "expected_loss", "lift_median", "lift_lower", "lift_upper")
    return f"{counts}.users", f"{counts}.purchases", *(f"{model}.{name}" for name in (*believed, *more))


_BELIEF = {window: _belief_columns(window) for window in ("day", "to_date")}


def belief(day: ExperimentDay, arm: int, window: str) -> Json:
    """Counts of one arm in a window (`day` or `to_date`), and what the model believes of it."""
    users, purchases, modelled_users, modelled_purchases, lower, upper, best, beats, loss, median, low, high = day.pick(
        arm, _BELIEF[window]
    )
    if users is None:
        users, purchases = modelled_users, modelled_purchases
    trials, successes = count(users), count(purchases)
    return {
        "users": trials,
        "purchases": successes,
        "conversion_rate": _rate(trials, successes),
        "interval": _interval(lower, upper),
        "probability_best": best,
        "probability_beats_control": beats,
        "expected_loss": loss,
        "lift": None if median is None else {"median": median, "lower": low, "upper": high},
    }


def verdict(day: ExperimentDay) -> Json | None:
    """The verdict as of the day; null without one."""
    words, entry = day.verdict, day.entry
    if words is None:
        return None
    return {
        "is_valid": bool(entry.is_valid),
        "decision": _word(DECISIONS, entry.decision),
        "reasons": words["reasons"] or [],
        "winner": public_id(words["winner"]),
        "decided_on": iso(entry.decided_on),
        "period_start": iso(entry.period_start),
        "control": public_id(words["control_id"]),
        "srm_p_value": number(entry.srm_p_value),
        "srm_status": _word(SRM_STATUSES, entry.srm_status),
        "cross_exposed_share": number(entry.cross_exposed_share),
        "information_fraction": number(entry.information_fraction),
        "model_version": words["model_version"],
        "explanation": words["explanation"],
    }


def _word(words: tuple[str, ...], code: int) -> str | None:
    return None if code == ABSENT else words[code]


def result(written: str, day: date, found: ExperimentDay, table_version: int | None, release: Json) -> Json:
    """The answer to `/experiment/{name}/result`."""
    seen = [arm for arm in range(len(found.names)) if found.value(arm, "daily.users") is not None]
    role, said = roles(found), verdict(found) or {}
    return {
        "results": {
            "exp_name": written,
            "day": day.isoformat(),
            "number_of_participants": count(number(found.entry.participants)),
            "winner": said.get("winner"),
            "variants": [_result_variant(found, arm, role[arm]) for arm in seen],
            "most_purchases": _most_purchases(found, seen),
            "decision": said.get("decision"),
            "is_valid": said.get("is_valid"),
            "reasons": said.get("reasons", []),
            "explanation": said.get("explanation"),
            "decided_on": said.get("decided_on"),
            "control": public_id(control_of(found)),
            "table_version": table_version,
            "release": release,
        }
    }


def _result_variant(found: ExperimentDay, arm: int, role: str | None) -> Json:
    today, so_far = belief(found, arm, "day"), belief(found, arm, "to_date")
    return {
        "id": public_id(found.names[arm]),
        "number_of_purchases": today["purchases"] or 0,
        "users": today["users"],
        "role": role,
        "conversion_rate": today["conversion_rate"],
        "interval": today["interval"],
        "probability_best": today["probability_best"],
        "lift": today["lift"],
        "to_date": None if so_far["users"] is None else so_far,
    }


def _most_purchases(found: ExperimentDay, seen: list[int]) -> int | str | None:
    bought = sorted(((found.value(arm, "daily.purchases") or 0, arm) for arm in seen), reverse=True)
    if not bought or not bought[0][0] or (len(bought) > 1 and bought[0][0] == bought[1][0]):
        return None
    return public_id(found.names[bought[0][1]])


def history_point(day: date, found: ExperimentDay, window: str = "to_date") -> Json:
    """One day of a history, in a window (`day` or `to_date`)."""
    role = roles(found)
    return {
        "day": day.isoformat(),
        "participants": count(number(found.entry.participants)),
        "participants_to_date": count(number(found.entry.participants_to_date)),
        "verdict": verdict(found),
        "chi_square": _chi_square(found, window),
        "variants": [_history_variant(found, arm, role[arm], window) for arm in range(len(found.names))],
    }


_OMNIBUS = ("chi_square", "chi_square_dof", "chi_square_p_value")


def _chi_square(found: ExperimentDay, window: str) -> Json | None:
    """The omnibus test, which every compared arm repeats."""
    columns = tuple(f"comparison.{window}.{name}" for name in _OMNIBUS)
    picked = (found.pick(arm, columns) for arm in range(len(found.names)))
    known = next((numbers for numbers in picked if None not in numbers), None)
    if known is None:
        return None
    statistic, dof, p_value = known
    return {"statistic": statistic, "dof": count(dof), "p_value": p_value}


_COMPARED = ("difference", "difference_lower", "difference_upper", "decision_lower", "decision_upper")
_PAIR = {
    window: tuple(f"comparison.{window}.{name}" for name in (*_COMPARED, "statistic", "boundary", "p_adjusted"))
    for window in ("day", "to_date")
}


def _history_variant(found: ExperimentDay, arm: int, role: str | None, window: str) -> Json:
    pair = found.pick(arm, _PAIR[window])
    difference, lower, upper, decision_lower, decision_upper, statistic, boundary, p_adjusted = pair
    return belief(found, arm, window) | {
        "id": public_id(found.names[arm]),
        "role": role,
        "difference": difference,
        "difference_interval": _interval(lower, upper),
        "decision_interval": _interval(decision_lower, decision_upper),
        "statistic": statistic,
        "boundary": boundary,
        "p_adjusted": p_adjusted,
    }


def arms(found: ExperimentDay) -> list[Json]:
    """Every arm to date."""
    role = roles(found)
    return [
        belief(found, arm, "to_date") | {"id": public_id(name), "role": role[arm]}
        for arm, name in enumerate(found.names)
    ]


def challenger(found: ExperimentDay) -> Json:
    """The arm other than the control that is most probably best to date, and its lift; nulls without one."""
    role = roles(found)
    rated = [
        (found.value(arm, "posterior.to_date.probability_best") or 0.0, -arm)
        for arm in range(len(found.names))
        if role[arm] == "treatment"
    ]
    if not rated:
        return {"challenger": None, "lift": None}
    best = -max(rated)[1]
    return {"challenger": public_id(found.names[best]), "lift": belief(found, best, "to_date")["lift"]}


def funnel(found: ExperimentDay, rows: list[tuple[str, int, int, int]]) -> list[Json]:
    """The steps of a funnel, the one with most users first."""
    steps: dict[str, list[Json]] = {}
    for event, arm, users, bought in sorted(rows, key=lambda row: row[1]):
        variant = {"id": public_id(found.names[arm]), "users": users, "purchases": bought}
        steps.setdefault(event, []).append(variant)
    ordered = sorted(steps.items(), key=lambda step: (-sum(row["users"] for row in step[1]), step[0]))
    return [{"event_name": event, "variants": variants} for event, variants in ordered]
