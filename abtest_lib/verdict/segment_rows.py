"""Comparisons by segment: they describe where an effect lies, and decide nothing."""

from typing import Any

import numpy as np

from abtest_lib.contracts.enums import MetricStatus, Window
from abtest_lib.stats.arrays import Bools, Floats
from abtest_lib.stats.means import MeanDifference, compare_means, interaction_p_value, may_test
from abtest_lib.stats.multiplicity import holm
from abtest_lib.verdict.compare import Comparisons, compare_arms
from abtest_lib.verdict.compare_means import MeanComparisons, compare_arms_by_means
from abtest_lib.verdict.comparison_names import ADJUSTMENT_COLUMNS, COLUMN_NAMES, PAIR_COLUMNS
from abtest_lib.verdict.finding import Finding
from abtest_lib.verdict.judged_days import JudgedDays, as_nullable
from abtest_lib.verdict.metric_status import role_names
from abtest_lib.verdict.rows import Columns
from abtest_lib.verdict.segment_groups import SegmentGroups, group_segments


def segment_columns(days: JudgedDays) -> Columns:
    """Make the rows of gold/comparisons for the segments of some days, to date.

    Args:
        days: The days.

    Returns:
        The rows, one per day × experiment × metric × segment × arm other than the control.
    """
    parts = [_rows(days, finding) for finding in days.judgement.scorecard.findings]
    return {name: [value for part in parts for value in part[name]] for name in COLUMN_NAMES}


def _rows(days: JudgedDays, finding: Finding) -> Columns:
    panel, alpha = days.judgement.panel, days.judgement.rules.alpha
    groups = group_segments(days, finding.name)
    if groups.e.size == 0:
        return {name: [] for name in COLUMN_NAMES}
    result = compare_means(groups.sums, groups.control_sums, is_proportion=finding.is_proportion)
    found = _compare(groups, finding, result, alpha)
    p_holm = groups.over_segments(found.p_adjusted, holm)
    group, arm = np.nonzero(groups.is_shown)
    part = JudgedDays(days.judgement, groups.e[group], groups.t[group])
    columns: dict[str, list[Any]] = {
        **_numbers(found, PAIR_COLUMNS, (group, arm)),
        **_numbers(found, ADJUSTMENT_COLUMNS, (group, arm)),
        "window": [Window.TO_DATE.value] * len(part),
        "metric": [finding.name] * len(part),
        "day": part.select(panel.day).tolist(),
        "experiment_name": [panel.names[i] for i in part.experiment],
        "variant_id": part.arm_names(arm),
        "control_id": [panel.controls[i].variant_id for i in part.experiment],
        "segment": [groups.names[i] for i in group],
        "role": role_names(finding, part.experiment),
        "status": _status(groups, finding, p_holm, found.difference, alpha)[group, arm].tolist(),
        "users": groups.sums.users[group, arm].astype(int).tolist(),
        "control_users": groups.control_sums.users[group, arm].astype(int).tolist(),
        "value": as_nullable(result.value[group, arm]),
        "control_value": as_nullable(result.control_value[group, arm]),
        "p_holm": as_nullable(p_holm[group, arm]),
        "interaction_p_value": as_nullable(_interaction(groups, result)[group, arm]),
    }
    return {name: columns.get(name, [None] * len(part)) for name in COLUMN_NAMES}


def _compare(
    groups: SegmentGroups, finding: Finding, result: MeanDifference, alpha: float
) -> Comparisons | MeanComparisons:
    """Compare conversion by its score test, and any other metric by means."""
    if finding.means is not None:
        return compare_arms_by_means(result, groups.is_compared, alpha)
    return compare_arms(groups.sums.users, np.nan_to_num(groups.sums.x), groups.control, alpha)


def _numbers(found: Comparisons | MeanComparisons, names: tuple[str, ...], cells: tuple[Any, ...]) -> Columns:
    return {name: as_nullable(getattr(found, name)[cells]) for name in names if hasattr(found, name)}


def _interaction(groups: SegmentGroups, result: MeanDifference) -> Floats:
    """Test that the effect is the same in all segments of one column."""
    error = np.where(groups.is_compared, result.standard_error, np.nan)

    def test(values: Floats) -> Floats:
        p_value = interaction_p_value(values[..., 0], values[..., 1])
        return np.asarray(np.broadcast_to(p_value[..., None], values.shape[:-1]))

    return groups.over_segments_of_column(np.stack([result.difference, error], axis=-1), test)


def _status(groups: SegmentGroups, finding: Finding, p_holm: Floats, difference: Floats, alpha: float) -> Any:  # noqa: ANN401  an array of texts
    """Name what Holm's p-values over segments show."""
    enough = may_test(groups.sums, groups.control_sums, is_proportion=finding.is_proportion)
    can_test: Bools = groups.is_compared & ~np.isnan(p_holm) & enough
    is_significant = p_holm <= alpha
    names = np.select(
        [~can_test, is_significant & (finding.sign * difference > 0), is_significant],
        [MetricStatus.NOT_TESTED, MetricStatus.BETTER, MetricStatus.WORSE],
        MetricStatus.UNPROVEN,
    )
    return np.array([[str(name) for name in row] for row in names], dtype=object)
