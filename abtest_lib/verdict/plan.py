"""How much of a plan has passed."""

import numpy as np

from abtest_lib.registry import Experiment
from abtest_lib.stats.arrays import Floats
from abtest_lib.verdict.panel import Days, Panel


def plan_fraction(panel: Panel) -> Floats:
    """Return the share of the plan that has passed, by users or by days; 1 from the registered end on.

    Returns:
        Shape (E, T), between 0 and 1; NaN without a plan.
    """
    fraction = np.full(panel.day.shape, np.nan)
    users = panel.users.sum(axis=2)
    for row, item in enumerate(panel.declared):
        if item is not None and item.is_planned:
            first = _first_planned_day(item)
            begun = panel.start[row] if first is None else np.full(panel.day.shape[1], first)
            fraction[row] = _fraction_of(item, panel.calendar[row], users[row], begun)
    return np.where(panel.is_day, fraction, np.nan)


def _first_planned_day(item: Experiment) -> np.datetime64 | None:
    declared = item.start or (item.allocations[0].starts if item.allocations else None)
    return None if declared is None else np.datetime64(declared, "D")


def _fraction_of(item: Experiment, day: Days, users: Floats, first: Days) -> Floats:
    """Return the share of one plan that has passed by each calendar day."""
    fraction = np.zeros(day.shape)
    if item.planned_users is not None:
        fraction = users / item.planned_users
    if item.end is not None:
        end, one_day = np.datetime64(item.end, "D"), np.timedelta64(1, "D")
        passed = (day - first + one_day) / np.maximum(end - first + one_day, one_day)
        fraction = np.where(day >= end, 1.0, passed if item.planned_users is None else fraction)
    return np.asarray(np.clip(fraction, 0.0, 1.0))
