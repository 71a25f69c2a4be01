"""Comparisons of arms with the control: the rows of gold/comparisons."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from abtest_lib.contracts.enums import MetricRole, MetricStatus, Window
from abtest_lib.stats.arrays import Bools, Floats, divide
from abtest_lib.verdict.judged_days import JudgedDays, as_nullable, select_days
from abtest_lib.verdict.judgement import Judgement
from abtest_lib.verdict.rows import Columns
from abtest_lib.verdict.rules import EVERYBODY, METRIC

_PAIR_COLUMNS = (
    "difference",
    "difference_lower",
    "difference_upper",
    "lift",
    "lift_lower",
    "lift_upper",
    "statistic",
    "p_value",
    "p_adjusted",
    "p_holm",
    "p_benjamini_hochberg",
)


def comparison_columns(judgement: Judgement, wanted: Bools | None = None) -> Columns:
    """Make the rows of gold/comparisons: the window to date, then the day alone.

    Args:
        judgement: What the rules found.
        wanted: Which days, (E, T); all by default.

    Returns:
        The rows, one per window × day × experiment × arm other than the control.
    """
    days, panel = select_days(judgement, wanted), judgement.panel
    day_users, day_purchases = np.nan_to_num(panel.day_users), np.nan_to_num(panel.day_purchases)
    evidence = judgement.evidence
    looks = {
        "decision_lower": evidence.lower,
        "decision_upper": evidence.upper,
        "boundary": evidence.boundary,
        "information": evidence.information,
    }
    no_looks = {name: np.full(panel.users.shape, np.nan) for name in looks}
    to_date = _rows(days, Window.TO_DATE, (panel.users, panel.purchases), panel.is_seen, looks)
    of_day = _rows(days, Window.DAY, (day_users, day_purchases), day_users > 0, no_looks)
    return {name: [*to_date[name], *of_day[name]] for name in to_date}


def _rows(
    days: JudgedDays, window: Window, counts: tuple[Floats, Floats], is_shown: Bools, looks: Mapping[str, Floats]
) -> Columns:
    """Make rows for the arms that a window shows, on days that show the control."""
    panel, result = days.judgement.panel, days.compare(*counts)
    users, purchases = (days.select(values) for values in counts)
    is_row = is_shown & ~panel.is_stray & ~panel.is_control & panel.is_control_known[:, :, None]
    row, arm = np.nonzero(days.select(is_row))
    part = JudgedDays(days.judgement, days.experiment[row], days.day[row])
    return {
        "window": [window.value] * len(part),
        "metric": [METRIC] * len(part),
        "day": part.select(panel.day).tolist(),
        "experiment_name": [panel.names[i] for i in part.experiment],
        "variant_id": part.arm_names(arm),
        "control_id": [panel.controls[i].variant_id for i in part.experiment],
        **{name: as_nullable(getattr(result, name)[row, arm]) for name in _PAIR_COLUMNS},
        **{name: as_nullable(_of_arm(part.select(values), arm)) for name, values in looks.items()},
        "chi_square": as_nullable(result.chi_square[row]),
        "chi_square_dof": [degrees if degrees > 0 else None for degrees in result.chi_square_dof[row].tolist()],
        "chi_square_p_value": as_nullable(result.chi_square_p_value[row]),
        "segment": [EVERYBODY] * len(part),
        "role": [MetricRole.GOAL.value] * len(part),
        "status": _status(
            _of_arm(part.select(looks["decision_lower"]), arm), _of_arm(part.select(looks["decision_upper"]), arm)
        ),
        "margin": [None] * len(part),
        "users": users[row, arm].astype(int).tolist(),
        "control_users": users[row, panel.control[part.experiment]].astype(int).tolist(),
        "value": as_nullable(divide(purchases, users)[row, arm]),
        "control_value": as_nullable(divide(purchases, users)[row, panel.control[part.experiment]]),
    }


def _status(lower: Floats, upper: Floats) -> list[str]:
    """Name what the decision intervals prove."""
    proven = np.select([lower > 0, upper < 0], [MetricStatus.BETTER, MetricStatus.WORSE], MetricStatus.UNPROVEN)
    return [str(name) for name in np.where(np.isnan(lower), MetricStatus.NOT_TESTED, proven)]


def _of_arm(values: Floats, arm: npt.NDArray[np.intp]) -> Floats:
    return np.asarray(values[np.arange(arm.size), arm])
