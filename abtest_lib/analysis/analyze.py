"""Analyze counts at hand, by the functions that the pipeline uses."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from abtest_lib.analysis.analysis import Analysis, ChiSquare, Look, RuleVerdict, SampleRatio
from abtest_lib.analysis.arms import Interval, make_arms
from abtest_lib.analysis.counts import Counts, Split, check_counts
from abtest_lib.bayes.fit import draw_groups
from abtest_lib.bayes.fit_config import FitConfig
from abtest_lib.bayes.groups import Arm, Group
from abtest_lib.bayes.posterior import GroupPosterior
from abtest_lib.bayes.priors import prior_by_name
from abtest_lib.bayes.results import failed, posterior_of
from abtest_lib.contracts.enums import Decision, SrmStatus, Window
from abtest_lib.registry import Allocation, Experiment, Registry
from abtest_lib.verdict.comparison_rows import comparison_columns
from abtest_lib.verdict.control import choose_control
from abtest_lib.verdict.decision import judge
from abtest_lib.verdict.panel import Context
from abtest_lib.verdict.panel_builder import build_panels
from abtest_lib.verdict.rows import verdict_columns
from abtest_lib.verdict.rules import METRIC, Rules

PLANNED, UNPLANNED = "planned", "unplanned"
_CONTROL_NAMES = ("control", "CONTROL")
_DAY = date(2000, 1, 1)
_ANY_DAYS = Rules(full_days=0)
"""Counts at hand say nothing of days, so nobody is warned that there are few."""

Row = dict[str, Any]


def analyze(
    counts: Mapping[str, tuple[int, int]],
    control: str | None = None,
    split: Split | None = None,
    *,
    prior: str = "exponential",
    seed: int = 20_210_801,
) -> Analysis:
    """Analyze counts at hand.

    Args:
        counts: Arm to (users, conversions); 2 to 50 arms.
        control: The arm that the others are compared with. When None: an arm called `control`, else the lowest name.
        split: Planned share of each arm, proportions that sum to one: by arm, or in the order of `counts`. When None an
            equal split is assumed.
        prior: The prior of the conversions, by name; see docs/statistics.md.
        seed: The seed of the posterior's draws; the same seed gives the same numbers.

    Returns:
        Estimates, intervals, tests, and the verdict of a planned and of an unplanned experiment with these counts.

    Raises:
        StatisticsError: A count, the control or a share is impossible; the message names value, place and what is
            allowed.
        ConfigError: There is no such prior.

    Examples:
        >>> analysis = analyze({"A": (1000, 50), "B": (1000, 70)}, control="A")
        >>> round(analysis["B"].comparison.p_value, 4), round(analysis.chi_square.statistic, 4)
        (0.0597, 3.5461)
        >>> analysis["B"].posterior.probability_beats_control > 0.95
        True
        >>> analysis.planned.decision, analysis.unplanned.decision
        (<Decision.KEEP_CONTROL: 'keep_control'>, <Decision.INCONCLUSIVE: 'inconclusive'>)
    """
    checked = check_counts(counts, control, split)
    named = choose_control(checked.arms_with_users, checked.control, _CONTROL_NAMES).variant_id
    posterior = _fit(checked, named, prior, seed)
    beliefs = [*posterior.rows()]
    verdicts, comparisons = _judge(checked, beliefs)
    first = next(iter(comparisons[PLANNED]), None)
    return Analysis(
        control=str(named),
        arms=make_arms(beliefs, [_without_look(row) for row in comparisons[PLANNED]]),
        chi_square=_chi_square(first),
        sample_ratio=_sample_ratio(checked, verdicts[PLANNED]),
        planned=_rule_verdict(verdicts[PLANNED], comparisons[PLANNED]),
        unplanned=_rule_verdict(verdicts[UNPLANNED], comparisons[UNPLANNED]),
        engine=posterior.engine,
        prior=posterior.prior,
        seed=seed,
        model_version=posterior.model_version,
        rules_version=verdicts[PLANNED]["model_version"],
    )


def _fit(counts: Counts, control: str | None, prior: str, seed: int) -> GroupPosterior:
    arms = tuple(map(Arm, counts.arms, counts.users, counts.conversions))
    group = Group(Window.TO_DATE, _DAY.isoformat(), "counts", METRIC, arms, control)
    config = FitConfig("exact", prior_by_name(prior), seed)
    # Not fit_groups, which would fit again by the other engine and so import JAX.
    (draws,) = draw_groups([group], config)
    if isinstance(draws, str):
        return failed(group, config, draws)
    return failed(group, config, draws.problem) if draws.problem else posterior_of(group, config, draws)


def _judge(counts: Counts, beliefs: Sequence[Row]) -> tuple[dict[str, Row], dict[str, list[Row]]]:
    """Judge the counts as the last look of a plan, and as an experiment without one.

    Returns:
        By rule: the row of gold/verdicts, and the rows of gold/comparisons.
    """
    verdicts: dict[str, Row] = {}
    comparisons: dict[str, list[Row]] = {PLANNED: [], UNPLANNED: []}
    registry = Registry({rule: _declared(rule, counts) for rule in (PLANNED, UNPLANNED)})
    for panel in build_panels(_panel_columns(beliefs), Context(registry, _CONTROL_NAMES)):
        judgement = judge(panel, _ANY_DAYS)
        for row in _rows(verdict_columns(judgement)):
            verdicts[row["experiment_name"]] = row
        for row in _rows(comparison_columns(judgement)):
            if row["window"] == Window.TO_DATE:
                comparisons[row["experiment_name"]].append(row)
    return verdicts, comparisons


def _declared(rule: str, counts: Counts) -> Experiment:
    """What a registry would say: with a plan that ends at just these users, or without one."""
    split = () if counts.split is None else (Allocation(None, tuple(zip(counts.arms, counts.split, strict=True))),)
    users = sum(counts.users) if rule == PLANNED else None
    return Experiment(rule, control=counts.control, planned_users=users, allocations=split)


def _panel_columns(beliefs: Sequence[Row]) -> dict[str, Any]:
    """One day of two experiments with the same arms."""
    names = ("variant_id", "users", "purchases", "probability_best", "probability_beats_control")
    shown = [row for row in beliefs if row["users"]]  # a lake has no rows of an arm without users
    columns = {name: [row[name] for row in shown] * 2 for name in names}
    days = np.full(2 * len(shown), np.datetime64(_DAY, "D"))
    rules = [rule for rule in (PLANNED, UNPLANNED) for _ in shown]
    return {**columns, "experiment_name": rules, "day": days, "period_start": days}


def _rows(columns: Mapping[str, Sequence[Any]]) -> list[Row]:
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _without_look(row: Row) -> Row:
    """A comparison without what depends on the rule."""
    return row | dict.fromkeys(("boundary", "decision_lower", "decision_upper"))


def _chi_square(row: Row | None) -> ChiSquare | None:
    if row is None or row["chi_square"] is None:
        return None
    return ChiSquare(row["chi_square"], row["chi_square_dof"], row["chi_square_p_value"])


def _sample_ratio(counts: Counts, verdict: Row) -> SampleRatio:
    equal = dict.fromkeys(counts.arms_with_users, 1 / len(counts.arms_with_users))
    planned = None if counts.split is None else dict(zip(counts.arms, counts.split, strict=True))
    status = SrmStatus(verdict["srm_status"])
    return SampleRatio(status, verdict["srm_p_value"], planned or equal, is_planned=planned is not None)


def _rule_verdict(verdict: Row, comparisons: Sequence[Row]) -> RuleVerdict:
    return RuleVerdict(
        decision=Decision(verdict["decision"]),
        reasons=tuple(verdict["reasons"]),
        explanation=verdict["explanation"],
        looks={row["variant_id"]: Look(row["boundary"], _decision_interval(row)) for row in comparisons},
    )


def _decision_interval(row: Row) -> Interval | None:
    lower, upper = row["decision_lower"], row["decision_upper"]
    return None if lower is None or upper is None else Interval(lower, upper)
