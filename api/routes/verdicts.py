"""Build the verdict of an answer from one decoded experiment-day."""

from typing import TypeVar, cast

from abtest_lib.answers import Verdict
from api.http.names import public_id
from api.store.day_file import ExperimentDay
from api.store.day_index import ABSENT, DECISIONS, SRM_STATUSES
from api.store.directory import to_date

T = TypeVar("T")


def iso(day: float | None) -> str | None:
    """Return a day of the index as `YYYY-MM-DD`."""
    found = to_date(day)
    return None if found is None else found.isoformat()


def required(value: T | None) -> T:
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


def verdict(day: ExperimentDay) -> Verdict | None:
    """Return the verdict as of the day; null without one."""
    words, entry = day.verdict, day.entry
    if words is None:
        return None
    return Verdict(
        is_valid=bool(entry.is_valid),
        decision=required(word(DECISIONS, entry.decision)),
        reasons=words["reasons"] or [],
        winner=public_id(words["winner"]),
        decided_on=iso(entry.number("decided_on")),
        period_start=required(iso(entry.number("period_start"))),
        control=public_id(words["control_id"]),
        srm_p_value=entry.number("srm_p_value"),
        srm_status=required(word(SRM_STATUSES, entry.srm_status)),
        metric=words.get("metric"),
        cross_exposed_share=entry.number("cross_exposed_share"),
        information_fraction=entry.number("information_fraction"),
        model_version=words["model_version"],
        explanation=words["explanation"],
    )


def word(words: tuple[T, ...], code: float) -> T | None:
    """Return the value of a code in the index."""
    return None if code == ABSENT else words[int(code)]
