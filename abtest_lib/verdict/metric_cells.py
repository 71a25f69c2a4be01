"""The sums of metrics in the cells of a panel: experiment × day × arm."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from abtest_lib.metrics import Metric
from abtest_lib.stats.arrays import Floats, Ints
from abtest_lib.stats.sums import Sums
from abtest_lib.verdict.metric_rows import SUM_FIELDS, MetricRows


@dataclass(frozen=True, slots=True, eq=False)
class MetricCells:
    """One metric of all users.

    Attributes:
        metric: The metric.
        sums: Sums over the users to date, (E, T, K) each; NaN where there are none.
        probability_best: Posterior probability of being best, (E, T, K); NaN where unknown, as in the next.
        probability_beats_control: Posterior probability of being better than the control.
    """

    metric: Metric
    sums: Sums
    probability_best: Floats
    probability_beats_control: Floats


@dataclass(frozen=True, slots=True, eq=False)
class SegmentRows:
    """S entries of a segment each, and their cells.

    Attributes:
        rows: The entries.
        e: Index of the experiment, (S,).
        t: Index of the day, (S,).
        k: Index of the arm, (S,).
    """

    rows: MetricRows = field(default_factory=MetricRows)
    e: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    t: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    k: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Rows of counts and their cells.

    Attributes:
        shape: Experiments, days and arms.
        rows: The rows, (R,).
        e: Index of the experiment, (R,).
        t: Index of the day, (R,).
        k: Index of the arm, (R,); -1 for a fallback variant.
    """

    shape: tuple[int, int, int]
    rows: Ints
    e: Ints
    t: Ints
    k: Ints


def metric_cells(rows: MetricRows, metrics: tuple[Metric, ...], places: Places) -> Iterator[MetricCells]:
    """Put the entries of each metric, of all users, into the cells of a panel.

    Args:
        rows: Entries of all users only.
        metrics: The metrics.
        places: The rows of the panel.
    """
    entry, place = rows.entries_of(places.rows)
    for metric in metrics:
        is_wanted = rows.is_of(metric.name)[entry] & (places.k[place] >= 0)
        yield _cells_of(rows.take(entry[is_wanted]), metric, places, place[is_wanted])


def _cells_of(rows: MetricRows, metric: Metric, places: Places, place: Ints) -> MetricCells:
    def spread(column: str, missing: float = np.nan) -> Floats:
        values = np.full(places.shape, missing)
        values[places.e[place], places.t[place], places.k[place]] = rows.values[column]
        return values

    sums = Sums(users=spread("users", 0.0), **{name: spread(f"sum_{name}") for name in SUM_FIELDS})
    return MetricCells(metric, sums, spread("probability_best"), spread("probability_beats_control"))


def segment_rows(rows: MetricRows, places: Places) -> SegmentRows:
    """Find the cells of entries of segments.

    Args:
        rows: Entries of segments only.
        places: The rows of the panel.
    """
    entry, place = rows.entries_of(places.rows)
    is_arm = places.k[place] >= 0
    entry, place = entry[is_arm], place[is_arm]
    return SegmentRows(rows.take(entry), places.e[place], places.t[place], places.k[place])
