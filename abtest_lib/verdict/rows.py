"""Verdicts: the rows of gold/verdicts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np

from abtest_lib.contracts.enums import Decision, SrmStatus
from abtest_lib.registry import Experiment, Registry
from abtest_lib.stats.arrays import Bools
from abtest_lib.verdict.explain import explain
from abtest_lib.verdict.facts import gather_facts
from abtest_lib.verdict.flags import comparison_flags, panel_flags
from abtest_lib.verdict.judged_days import JudgedDays, as_nullable, select_days
from abtest_lib.verdict.judgement import Judgement
from abtest_lib.verdict.reasons import REASONS, sentence_of
from abtest_lib.verdict.roles import goals_of
from abtest_lib.verdict.rules import EVERYBODY, METRIC, RULES_VERSION

Columns = dict[str, list[Any]]
"""The rows of a table, column by column; None where there is no value."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on one experiment as of one day; the columns of gold/verdicts.

    Attributes:
        day: The as-of day.
        experiment_name: The experiment.
        is_valid: Whether the numbers can be trusted.
        reasons: Reason codes, the strongest effect first.
        winner: The arm with the highest probability of being best; descriptive.
        decision: A `Decision`'s value.
        decided_on: The day on which the decision was taken.
        period_start: First day of the period.
        control_id: The control.
        srm_p_value: p-value of the sample-ratio test.
        srm_status: `ok`, `mismatch` or `not_tested`.
        cross_exposed_share: Users who saw several arms, a proportion of all.
        information_fraction: Share of the plan that has passed.
        model_version: Version of the rules.
        explanation: One sentence for a person.
        metric: The goal that the decision rests on, else the first goal.
        segment: The segment of users.
    """

    day: date
    experiment_name: str
    is_valid: bool
    reasons: tuple[str, ...]
    winner: str | None
    decision: str
    decided_on: date | None
    period_start: date
    control_id: str | None
    srm_p_value: float | None
    srm_status: str
    cross_exposed_share: float | None
    information_fraction: float | None
    model_version: str
    explanation: str
    metric: str = METRIC
    segment: str = EVERYBODY


def verdict_columns(judgement: Judgement, wanted: Bools | None = None) -> Columns:
    """Make the rows of gold/verdicts.

    Args:
        judgement: What the rules found.
        wanted: Which days, (E, T); all by default.

    Returns:
        The rows, one per day × experiment.
    """
    days = select_days(judgement, wanted)
    panel, decisions, validity = judgement.panel, judgement.decisions, judgement.validity
    reasons = list_reasons(days)
    return {
        "day": days.select(panel.day).tolist(),
        "experiment_name": [panel.names[i] for i in days.experiment],
        "is_valid": days.select(decisions.is_valid).tolist(),
        "reasons": reasons,
        "winner": days.arm_names(days.select(decisions.winner)),
        "decision": days.select(decisions.decision).tolist(),
        "decided_on": days.dates(days.select(decisions.decided)),
        "period_start": days.select(panel.period_start).tolist(),
        "control_id": days.control_ids,
        "srm_p_value": as_nullable(days.select(validity.ratio_p_value)),
        "srm_status": _srm_status(days),
        "cross_exposed_share": as_nullable(days.select(validity.cross_exposed_share)),
        "information_fraction": as_nullable(days.select(judgement.evidence.fraction)),
        "model_version": [RULES_VERSION] * len(days),
        "explanation": [explain(facts, judgement.rules) for facts in gather_facts(days, reasons)],
        "metric": _goals(days),
    }


def verdict_rows(judgement: Judgement, wanted: Bools | None = None) -> list[Verdict]:
    """Make verdicts as objects; arguments as in `verdict_columns`."""
    columns = verdict_columns(judgement, wanted)
    rows = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
    return [Verdict(**{**row, "reasons": tuple(row["reasons"])}) for row in rows]


def list_reasons(days: JudgedDays) -> list[list[str]]:
    """List the codes of the reasons of each day, the strongest effect first."""
    flags = {code: days.select(flag) for code, flag in panel_flags(days.judgement).items()} | comparison_flags(days)
    codes = np.array([code for code in REASONS if code in flags], dtype=object)
    row, found = np.nonzero(np.stack([flags[code] for code in codes], axis=1))
    ends = np.searchsorted(row, np.arange(len(days) + 1))
    listed = codes[found].tolist()
    return [listed[start:end] for start, end in pairwise(ends.tolist())]


def _goals(days: JudgedDays) -> list[str]:
    """Name the goal that each day's decision rests on; the first goal where it is not in the catalogue, too."""
    findings, first = days.judgement.scorecard.findings, days.judgement.panel.declared
    is_shipped = days.select(days.judgement.decisions.is_gain).tolist()
    rows = zip(is_shipped, days.select(days.judgement.decisions.goal).tolist(), days.experiment.tolist(), strict=True)
    return [findings[goal].name if shipped else goals_of(first[i])[0] for shipped, goal, i in rows]


def _srm_status(days: JudgedDays) -> list[str]:
    validity = days.judgement.validity
    tested = np.where(validity.is_mismatch, SrmStatus.MISMATCH, SrmStatus.OK)
    status = np.where(np.isnan(validity.ratio_p_value), SrmStatus.NOT_TESTED, tested)
    return [str(value) for value in days.select(status)]


def absent_verdicts(registry: Registry, first_days: Mapping[str, date], days: Iterable[date]) -> list[Verdict]:
    """Make verdicts on registered experiments that should run and have no data.

    Args:
        registry: The declared experiments; only those with a start are expected on a day.
        first_days: Experiment to its first day with data.
        days: The days on which the lake has data of any experiment.

    Returns:
        One verdict per day × experiment, from its start to its first data, its end, or the last day.
    """
    return [
        _absent(item, item.start, day)
        for day in sorted(days)
        for item in registry.experiments.values()
        if item.start is not None and item.start <= day and (item.end is None or day <= item.end)
        if item.name not in first_days or day < first_days[item.name]
    ]


def _absent(item: Experiment, start: date, day: date) -> Verdict:
    return Verdict(
        day=day,
        experiment_name=item.name,
        is_valid=False,
        reasons=("no_data",),
        winner=None,
        decision=Decision.INVALID.value,
        decided_on=None,
        period_start=item.period_start(day) or start,
        control_id=item.control,
        srm_p_value=None,
        srm_status=SrmStatus.NOT_TESTED.value,
        cross_exposed_share=None,
        information_fraction=None,
        model_version=RULES_VERSION,
        explanation=f"{sentence_of('no_data').rstrip('.')} since {start}.",
        metric=goals_of(item)[0],
    )
