"""Build the arms of an answer from one decoded experiment-day: roles, counts and estimates."""

import numpy as np

from abtest_lib.answers import Arm, ArmEstimate, Interval, Lift, VariantId
from abtest_lib.contracts.enums import Role, Window
from abtest_lib.verdict.rules import most_stray_users
from api.http.names import public_id
from api.routes.verdicts import control_of, verdict
from api.store.day_file import ExperimentDay

CONTROL, TREATMENT = Role.CONTROL.value, Role.TREATMENT.value
LEFT_OUT, FALLBACK = Role.LEFT_OUT.value, Role.FALLBACK.value


def count(value: float | None) -> int | None:
    """Return a count that was stored as a double."""
    return None if value is None else int(value)


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


def arms_to_date(found: ExperimentDay) -> list[Arm]:
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
