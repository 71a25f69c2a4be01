"""Build answers from one decoded experiment-day: results, points of a history, funnels."""

from datetime import date

from abtest_lib.answers import (
    ChiSquare,
    FunnelStep,
    FunnelVariant,
    HistoryPoint,
    HistoryVariant,
    Release,
    Result,
    ResultAnswer,
    ResultVariant,
    VariantId,
)
from abtest_lib.contracts.enums import Window
from abtest_lib.metrics import Catalogue
from api.http.names import public_id
from api.routes.arms import count, estimate, interval, roles
from api.routes.scorecards import scorecard
from api.routes.verdicts import control_of, required, verdict
from api.store.day_file import ExperimentDay


def result(
    written: str, day: date, found: ExperimentDay, table_version: int | None, release: Release, catalogue: Catalogue
) -> ResultAnswer:
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
        **scorecard(found, catalogue),
    )
    return ResultAnswer(results=about)


def _result_variant(found: ExperimentDay, arm: int, role: str | None) -> ResultVariant:
    today, to_date = estimate(found, arm, Window.DAY), estimate(found, arm, Window.TO_DATE)
    return ResultVariant(
        id=public_id(found.names[arm]),
        number_of_purchases=today["purchases"] or 0,
        users=required(today["users"]),
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


def funnel(found: ExperimentDay, rows: list[tuple[str, int, int, int]]) -> list[FunnelStep]:
    """Return the steps of a funnel, the one with most users first."""
    steps: dict[str, list[FunnelVariant]] = {}
    for event, arm, users, bought in sorted(rows, key=lambda row: row[1]):
        variant = FunnelVariant(id=public_id(found.names[arm]), users=users, purchases=bought)
        steps.setdefault(event, []).append(variant)
    ordered = sorted(steps.items(), key=lambda step: (-sum(row["users"] for row in step[1]), step[0]))
    return [FunnelStep(event_name=event, variants=variants) for event, variants in ordered]
