"""Tests of whether the sums of metrics can be trusted."""

import numpy as np

from abtest_lib.metrics import PURCHASE
from abtest_lib.registry import Experiment
from abtest_lib.stats.arrays import Bools, Floats
from abtest_lib.stats.means import compare_means, may_test
from abtest_lib.stats.proportions import two_sided_p_value
from abtest_lib.stats.sums import Sums
from abtest_lib.verdict.evidence import find_pairs
from abtest_lib.verdict.metric_cells import MetricCells
from abtest_lib.verdict.panel import Panel
from abtest_lib.verdict.roles import goals_of, guardrails_of


def is_metric_missing(panel: Panel) -> Bools:
    """Check for a goal or guardrail without sums of an arm that has users, (E, T)."""
    known = {cells.metric.name for cells in panel.metrics} | {PURCHASE}
    wanted = [_decisive_metrics(item) for item in panel.declared]
    missing = np.broadcast_to(np.array([bool(names - known) for names in wanted])[:, None], panel.day.shape)
    for cells in panel.metrics:
        is_wanted = np.array([cells.metric.name in names for names in wanted])[:, None]
        missing = missing | (is_wanted & _has_gap(panel, cells))
    return np.asarray(missing)


def missing_metrics(panel: Panel, experiment: int, day: int, _level: float) -> tuple[str, ...]:
    """Name the goals and guardrails without sums on one day."""
    wanted = _decisive_metrics(panel.declared[experiment]) - {PURCHASE}
    found = {one.metric.name for one in panel.metrics if not _has_gap(panel, one)[experiment, day]}
    return tuple(sorted(wanted - found))


def _decisive_metrics(item: Experiment | None) -> set[str]:
    return {*goals_of(item), *(guardrail.metric for guardrail in guardrails_of(item))}


def _has_gap(panel: Panel, cells: MetricCells) -> Bools:
    return np.asarray((panel.is_active & np.isnan(cells.sums.x)).any(axis=2))


def covariate_balance_p(panel: Panel) -> Floats:
    """Test that users were alike before their first exposure, by the covariates of all metrics.

    Returns:
        The smallest p-value over metrics and arms, times their number (Bonferroni), (E, T); NaN without a test.
    """
    p_values = [*_balance_by_metric(panel).values()]
    if not p_values:
        return np.full(panel.day.shape, np.nan)
    together = np.concatenate(p_values, axis=2)
    smallest: Floats = np.fmin.reduce(together, axis=2)
    return np.asarray(np.minimum(smallest * (~np.isnan(together)).sum(axis=2), 1.0))


def imbalanced_metrics(panel: Panel, experiment: int, day: int, level: float) -> tuple[str, ...]:
    """Name the metrics whose covariates differ on one day at a level, of which the tests of that day have a share."""
    tests = {name: p_value[experiment, day] for name, p_value in _balance_by_metric(panel).items()}
    number = sum((~np.isnan(p_values)).sum() for p_values in tests.values())
    return tuple(name for name, p_values in tests.items() if (p_values * number < level).any())


def _balance_by_metric(panel: Panel) -> dict[str, Floats]:
    with_covariate = (cells for cells in panel.metrics if cells.metric.lookback is not None)
    return {cells.metric.name: _balance_p(panel, cells) for cells in with_covariate}


def _balance_p(panel: Panel, cells: MetricCells) -> Floats:
    covariate = _as_value(cells.sums)
    control = covariate.map(lambda values: np.broadcast_to(panel.of_control(values), values.shape))
    result = compare_means(covariate, control)
    can_test = find_pairs(panel) & may_test(covariate, control) & (result.standard_error > 0)
    statistic = np.divide(
        result.difference, result.standard_error, out=np.full(can_test.shape, np.nan), where=np.asarray(can_test)
    )
    return two_sided_p_value(statistic)


def _as_value(sums: Sums) -> Sums:
    """Return the sums of the covariate as those of a metric without one."""
    nothing = np.full(sums.users.shape, np.nan)
    return Sums(
        users=sums.users, x=sums.c, xx=sums.cc, y=nothing, yy=nothing, xy=nothing,
        c=nothing, cc=nothing, xc=nothing, yc=nothing,
    )  # fmt: skip
