"""Comparisons of arms with the control: the rows of gold/comparisons."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from abtest_lib.contracts.enums import Window
from abtest_lib.stats.arrays import Bools, Floats, divide
from abtest_lib.verdict.comparison_names import (
    ADJUSTMENT_COLUMNS,
    CHI_SQUARE_COLUMNS,
    COLUMN_NAMES,
    LOOK_COLUMNS,
    PAIR_COLUMNS,
)
from abtest_lib.verdict.finding import Finding, Means
from abtest_lib.verdict.judged_days import JudgedDays, as_nullable, select_days
from abtest_lib.verdict.judgement import Judgement
from abtest_lib.verdict.metric_status import role_names, status_names
from abtest_lib.verdict.rows import Columns
from abtest_lib.verdict.rules import EVERYBODY
from abtest_lib.verdict.segment_rows import segment_columns


def comparison_columns(judgement: Judgement, wanted: Bools | None = None) -> Columns:
    """Make the rows of gold/comparisons: the window to date, the day alone, other metrics, and segments.

    Args:
        judgement: What the rules found.
        wanted: Which days, (E, T); all by default.

    Returns:
        The rows, one per window × day × experiment × metric × segment × arm other than the control.
    """
    days, panel = select_days(judgement, wanted), judgement.panel
    day_users, day_purchases = np.nan_to_num(panel.day_users), np.nan_to_num(panel.day_purchases)
    purchase, *others = judgement.scorecard.findings
    parts = [
        _conversion_rows(days, Window.TO_DATE, (panel.users, panel.purchases), panel.is_seen, purchase),
        _conversion_rows(days, Window.DAY, (day_users, day_purchases), day_users > 0, purchase),
        *(_metric_rows(days, finding, finding.means) for finding in others if finding.means is not None),
        segment_columns(days),
    ]
    return {name: [value for part in parts for value in part[name]] for name in parts[0]}


def _conversion_rows(
    days: JudgedDays, window: Window, counts: tuple[Floats, Floats], is_shown: Bools, finding: Finding
) -> Columns:
    """Make rows for the arms that a window shows, on days that show the control."""
    panel, result = days.judgement.panel, days.compare(*counts)
    users, purchases = (days.select(values) for values in counts)
    row, arm = _shown(days, is_shown)
    control, value = panel.control[days.experiment[row]], divide(purchases, users)
    found = {
        **{name: as_nullable(getattr(result, name)[row, arm]) for name in PAIR_COLUMNS},
        "chi_square": as_nullable(result.chi_square[row]),
        "chi_square_dof": [degrees if degrees > 0 else None for degrees in result.chi_square_dof[row].tolist()],
        "chi_square_p_value": as_nullable(result.chi_square_p_value[row]),
        "users": users[row, arm].astype(int).tolist(),
        "control_users": users[row, control].astype(int).tolist(),
        "value": as_nullable(value[row, arm]),
        "control_value": as_nullable(value[row, control]),
    }
    return _rows(days, window, finding, (row, arm), found)


def _metric_rows(days: JudgedDays, finding: Finding, means: Means) -> Columns:
    """Make rows for the arms that have sums of a metric, on days that show the control."""
    panel, result = days.judgement.panel, means.of_days(days.select)
    row, arm = _shown(days, panel.is_seen & ~np.isnan(means.arm.x))
    found = days.compare_means(finding)
    columns: dict[str, list[Any]] = {
        **{name: as_nullable(getattr(found, name)[row, arm]) for name in (*PAIR_COLUMNS, *ADJUSTMENT_COLUMNS)},
        "users": result.arm.users[row, arm].astype(int).tolist(),
        "control_users": result.control.users[row, arm].astype(int).tolist(),
        "value": as_nullable(result.result.value[row, arm]),
        "control_value": as_nullable(result.result.control_value[row, arm]),
    }
    return _rows(days, Window.TO_DATE, finding, (row, arm), columns)


def _shown(days: JudgedDays, is_shown: Bools) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    panel = days.judgement.panel
    is_row = is_shown & ~panel.is_stray & ~panel.is_control & panel.is_control_known[:, :, None]
    row, arm = np.nonzero(days.select(is_row))
    return row, arm


def _rows(
    days: JudgedDays,
    window: Window,
    finding: Finding,
    cells: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]],
    found: Columns,
) -> Columns:
    """Add keys and what the looks prove; a day alone has no looks."""
    (row, arm), panel = cells, days.judgement.panel
    part = JudgedDays(days.judgement, days.experiment[row], days.day[row])
    has_looks = window is Window.TO_DATE

    def of_arm(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        spread = np.broadcast_to(values, panel.users.shape)
        return np.asarray(spread[part.experiment, part.day, arm])

    def if_looks(values: Floats) -> list[float | None]:
        return as_nullable(of_arm(values)) if has_looks else [None] * len(part)

    evidence = finding.evidence
    looks = (evidence.lower, evidence.upper, evidence.boundary, evidence.information)
    columns: Mapping[str, list[Any]] = {
        **{name: [None] * len(part) for name in (*CHI_SQUARE_COLUMNS, *ADJUSTMENT_COLUMNS)},
        **found,
        "window": [window.value] * len(part),
        "metric": [finding.name] * len(part),
        "day": part.select(panel.day).tolist(),
        "experiment_name": [panel.names[i] for i in part.experiment],
        "variant_id": part.arm_names(arm),
        "control_id": [panel.controls[i].variant_id for i in part.experiment],
        "segment": [EVERYBODY] * len(part),
        **dict(zip(LOOK_COLUMNS, map(if_looks, looks), strict=True)),
        "margin": if_looks(finding.margin),
        "role": role_names(finding, part.experiment),
        "status": status_names(finding, of_arm, has_looks=has_looks),
        "interaction_p_value": [None] * len(part),
    }
    return {name: columns[name] for name in COLUMN_NAMES}
