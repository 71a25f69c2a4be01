"""What the looks prove about the metrics of the catalogue."""

from dataclasses import fields

import numpy as np

from abtest_lib.stats.arrays import Floats, divide
from abtest_lib.stats.information import look_information, mixture_information
from abtest_lib.stats.means import compare_means, may_test
from abtest_lib.verdict.boundaries import Pairs
from abtest_lib.verdict.evidence import Evidence, Schedule, find_pairs, schedule_pairs
from abtest_lib.verdict.finding import Finding, Means, sign_of
from abtest_lib.verdict.metric_cells import MetricCells
from abtest_lib.verdict.panel import Panel, accumulate_within
from abtest_lib.verdict.roles import margin_of, role_of
from abtest_lib.verdict.rules import Rules


def metric_finding(panel: Panel, cells: MetricCells, fraction: Floats, rules: Rules) -> Finding:
    """Compare the arms by one metric, and find what its looks prove.

    Args:
        panel: The histories.
        cells: The metric.
        fraction: Share of the plan that has passed, (E, T).
        rules: The levels.

    Returns:
        The finding.
    """
    metric, means = cells.metric, compare_with_control(panel, cells)
    result, sign = means.result, sign_of(cells.metric)
    pairs = _pairs(panel, means, is_proportion=metric.is_proportion)
    role = role_of(panel.declared, metric.name, rules.alpha)
    schedule = schedule_pairs(panel, pairs, role, fraction)
    return Finding(
        name=metric.name,
        sign=sign,
        role=role,
        evidence=_intersect(panel, schedule, means),
        margin=margin_of(panel.declared, metric.name, means.control.mean[:, :, :1]),
        value=cells.sums.mean,
        difference=result.difference,
        other_difference=result.difference,
        rank=sign * result.difference,
        probability_best=cells.probability_best,
        probability_beats_control=cells.probability_beats_control,
        is_proportion=metric.is_proportion,
        means=means,
    )


def compare_with_control(panel: Panel, cells: MetricCells) -> Means:
    """Compare every arm with the control by the sums of a metric."""
    is_compared = find_pairs(panel) & ~np.isnan(cells.sums.x)
    arm = cells.sums.map(lambda values: np.where(is_compared, values, np.nan))
    control = cells.sums.map(lambda values: np.broadcast_to(panel.of_control(values), values.shape))
    return Means(arm, control, compare_means(arm, control, is_proportion=cells.metric.is_proportion))


def _pairs(panel: Panel, means: Means, *, is_proportion: bool) -> Pairs:
    result, arms = means.result, (means.arm, means.control)
    enough = may_test(*arms, is_proportion=is_proportion)
    may = find_pairs(panel) & np.isfinite(result.standard_error) & enough
    # Totals can fall, e.g. by refunds: an information once reached is kept.
    information = accumulate_within(mixture_information(result, *arms), panel.is_first, np.fmax)
    return Pairs(find_pairs(panel), may, information, look_information(result, *arms))


def _intersect(panel: Panel, schedule: Schedule, means: Means) -> Evidence:
    """Intersect the intervals of all looks, each in units of the control's value on its day.

    A total per user goes on growing after a look, and a difference grows with it; their ratio does not.
    """
    result = means.result
    scale = np.hypot(result.control_value, result.standard_error)
    boundary = np.where(np.isfinite(schedule.boundary), schedule.boundary, np.nan)
    reach = boundary * result.standard_error
    lower = accumulate_within(divide(result.difference - reach, scale), panel.is_first, np.fmax)
    upper = accumulate_within(divide(result.difference + reach, scale), panel.is_first, np.fmin)
    return Evidence(
        **{item.name: getattr(schedule, item.name) for item in fields(Schedule)},
        lower=lower * scale,
        upper=upper * scale,
    )
