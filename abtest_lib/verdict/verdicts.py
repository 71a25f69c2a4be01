"""What a verdict is, and the verdict on experiments that should run and have no data."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from abtest_lib.contracts.enums import Decision, SrmStatus
from abtest_lib.registry import Experiment, Registry
from abtest_lib.verdict.reasons import sentence_of
from abtest_lib.verdict.rules import EVERYBODY, METRIC, RULES_VERSION


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on one experiment as of one day; the columns of gold/verdicts.

    Attributes:
        day: The as-of day.
        experiment_name: The experiment.
        is_valid: Whether the numbers may be believed.
        reasons: Codes of everything a reader must know, the heaviest first.
        winner: The arm with the highest probability of being best; descriptive.
        decision: A `Decision`'s value.
        decided_on: The day of the decision that stands.
        period_start: First day of the period that was judged.
        control_id: The control.
        srm_p_value: p-value of the sample-ratio test.
        srm_status: `ok`, `mismatch` or `not_tested`.
        cross_exposed_share: Users who saw several arms, a proportion of all.
        information_fraction: Share of the plan that has passed.
        model_version: Version of the rules.
        explanation: One sentence for a person.
        metric: What was judged.
        segment: Whom it was judged for.
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


def absent_verdicts(registry: Registry, first_days: Mapping[str, date], days: Iterable[date]) -> list[Verdict]:
    """Verdicts on registered experiments that should run and have no data.

    Args:
        registry: The declared experiments; only those with a start are expected on a day.
        first_days: Experiment to its first day with data.
        days: The days on which the lake has data of any experiment.

    Returns:
        One verdict a day × experiment, from its start until its first data, its end, or the last day.
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
    )
