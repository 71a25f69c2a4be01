"""Histories with metrics, from moments that can be computed by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from abtest_lib.contracts.enums import Direction, MetricType
from abtest_lib.metrics import PURCHASE, Catalogue, Measure, Metric
from abtest_lib.registry import Allocation, Experiment, Guardrail, Registry
from abtest_lib.verdict.decision import judge
from abtest_lib.verdict.judgement import Judgement
from abtest_lib.verdict.metric_rows import read_metric_rows
from abtest_lib.verdict.panel import Context
from abtest_lib.verdict.panel_builder import build_panels

START = np.datetime64("2021-08-01")
NAME = "search/test"
NUMBERS = ("x", "xx", "y", "yy", "xy", "c", "cc", "xc", "yc")
STRUCT = pa.struct(
    [
        ("metric", pa.string()),
        ("segment", pa.string()),
        ("users", pa.int64()),
        *((f"sum_{name}", pa.float64()) for name in NUMBERS),
        ("capped_users", pa.int64()),
        ("mature_users", pa.int64()),
        ("probability_best", pa.float64()),
        ("probability_beats_control", pa.float64()),
    ]
)
Entry = dict[str, Any]


def metric(name: str, *, direction: str = "up", type_: str = "sum", lookback: bool = False) -> Metric:
    """Declare a metric; what its events are does not matter here."""
    measure = Measure("true", "price")
    denominator = Measure("true") if type_ == "ratio" else None
    before = timedelta(days=14) if lookback else None
    return Metric(name, MetricType(type_), measure, denominator, Direction(direction), lookback=before, unit="USD")


def entry(
    name: str, users: int, mean: float, sd: float = 10.0, *, segment: str = "all", likely: float | None = 0.999
) -> Entry:
    """Sums of users of whom one half lies one standard deviation below the mean, and the other half above."""
    return {
        "metric": name,
        "segment": segment,
        "users": users,
        "sum_x": users * mean,
        "sum_xx": users * (mean**2 + sd**2),
        "probability_best": likely,
        "probability_beats_control": likely,
    }


def with_covariate(made: Entry, mean: float, sd: float, correlation: float) -> Entry:
    """Add a covariate with a mean, a standard deviation, and a correlation with the value."""
    users, value = made["users"], made["sum_x"] / made["users"]
    spread = np.sqrt(made["sum_xx"] / users - value**2)
    return made | {
        "sum_c": users * mean,
        "sum_cc": users * (mean**2 + sd**2),
        "sum_xc": users * (mean * value + correlation * sd * spread),
    }


def declare(
    *,
    arms: Sequence[str] = ("A", "B"),
    planned: int | None = None,
    goals: Sequence[str] = (PURCHASE,),
    guardrails: Mapping[str, float] | None = None,
    is_relative: bool = True,
) -> Experiment:
    """Declare an experiment with equal shares; guardrails by their margins."""
    shares = Allocation(None, tuple((arm, 1 / len(arms)) for arm in arms))
    rails = tuple(Guardrail(name, margin, is_relative) for name, margin in (guardrails or {}).items())
    return Experiment(
        NAME, control=arms[0], planned_users=planned, allocations=(shares,), goals=tuple(goals), guardrails=rails
    )


@dataclass(frozen=True)
class Arm:
    """One arm on one day, to date."""

    users: int
    purchases: int
    entries: Sequence[Entry] = ()
    likely: float = 0.5


def judge_days(
    days: Sequence[Mapping[str, Arm]],
    item: Experiment,
    metrics: Sequence[Metric] = (),
    *,
    has_column: bool = True,
    period_starts: Sequence[int] = (0,),
) -> Judgement:
    """Judge a history, day by day."""
    rows = [(t, name, arm) for t, day in enumerate(days) for name, arm in day.items()]
    columns = {
        "experiment_name": np.array([NAME] * len(rows), dtype=object),
        "variant_id": np.array([name for _, name, _ in rows], dtype=object),
        "day": START + np.array([t for t, _, _ in rows]),
        "period_start": START + np.array([max(s for s in period_starts if s <= t) for t, _, _ in rows]),
        "users": np.array([arm.users for *_, arm in rows]),
        "purchases": np.array([arm.purchases for *_, arm in rows]),
        "probability_best": np.array([arm.likely for *_, arm in rows]),
        "probability_beats_control": np.array([arm.likely for *_, arm in rows]),
    }
    column = pa.chunked_array([pa.array([list(arm.entries) for *_, arm in rows], pa.list_(STRUCT))])
    catalogue = Catalogue({one.name: one for one in metrics})
    context = Context(Registry({NAME: item}), catalogue=catalogue)
    (panel,) = build_panels(columns, context, read_metric_rows(column if has_column else None))
    return judge(panel)
