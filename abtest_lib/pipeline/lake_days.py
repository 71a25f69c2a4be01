"""The days of a lake: users and events, days with a real share of the users, registered ends that have passed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from abtest_lib.contracts import EXPERIMENT_HEALTH, LAKE_DAILY, QUARANTINE
from abtest_lib.lake.delta_log import Commit
from abtest_lib.pipeline.events import timed_events
from abtest_lib.pipeline.run import Run
from abtest_lib.spark.frame_cache import FrameCache
from abtest_lib.spark.small_frames import literal_rows
from abtest_lib.stats.calendar import last_real_day
from abtest_lib.transforms.lake_daily import COUNTS, count_by_day, with_quarantine

Ends = Sequence[tuple[str, date]]
"""Experiments and the registered ends that the data of the lake has passed."""


@dataclass(frozen=True, slots=True)
class LakeDays:
    """Every day of a lake.

    Attributes:
        counts: day, users, events.
        ends: Registered ends before the last real day.
    """

    counts: DataFrame
    ends: Ends

    @classmethod
    def of(cls, run: Run, frames: FrameCache, recounted: Collection[date] | None = None) -> "LakeDays":
        """Count all days, or some of them if the table holds the others."""
        counts = frames.persist(lambda: _counts(run, recounted))
        declared = {name: item.end for name, item in run.registry.experiments.items() if item.end is not None}
        if not declared:
            return cls(counts, ())
        last = calendar(counts)
        newest = last[max(last)] if last else date.min
        return cls(counts, [(name, end) for name, end in declared.items() if end < newest])

    def first_missing_end(self, run: Run) -> date | None:
        """Return the first end that has no row yet, of experiments that had started by then; None without one."""
        if not self.ends:
            return None
        health = (
            run.lake[EXPERIMENT_HEALTH].read().where(F.col("experiment_name").isin([name for name, _ in self.ends]))
        )
        there: dict[str, set[date]] = {}
        for row in health.select("experiment_name", "day").collect():
            there.setdefault(row["experiment_name"], set()).add(row["day"])
        missing = [
            end for name, end in self.ends if end not in there.get(name, {end}) and min(there.get(name, {end})) < end
        ]
        return min(missing, default=None)

    def ends_frame(self, run: Run) -> DataFrame:
        """Return the ends as rows: experiment_name, day."""
        return literal_rows(run.lake.session, self.ends, {"experiment_name": "string", "day": "date"})


def calendar(counts: DataFrame) -> Mapping[date, date]:
    """Map each day to the last day so far that holds a real share of the users.

    Args:
        counts: day and users.
    """
    rows = sorted((row["day"], row["users"]) for row in counts.select("day", "users").collect())
    days = [day for day, _ in rows]
    last = last_real_day(np.array([users for _, users in rows], dtype=np.float64))
    return {day: days[index] for day, index in zip(days, last.tolist(), strict=True)}


def write_lake_days(run: Run, counts: DataFrame) -> Commit:
    """Write gold/lake_daily with the rejected rows as quarantine holds them now."""
    quarantine = run.lake[QUARANTINE]
    rejected = quarantine.read() if quarantine.exists else literal_rows(run.lake.session, [], QUARANTINE.types)
    return run.lake[LAKE_DAILY].overwrite(with_quarantine(counts, rejected))


def _counts(run: Run, recounted: Collection[date] | None) -> DataFrame:
    if recounted is None:
        return count_by_day(timed_events(run))
    days = F.col("day").isin(list(recounted))
    counted = count_by_day(timed_events(run, [(day, day) for day in sorted(recounted)]).where(days))
    return run.lake[LAKE_DAILY].read_pinned().where(~days).select(*COUNTS).unionByName(counted)
