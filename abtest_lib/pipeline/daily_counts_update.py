"""Update of the daily counts after new events: their days are counted again, other days gain new buyers."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from abtest_lib.contracts import PURCHASES
from abtest_lib.lake.table import anti_join_keys
from abtest_lib.pipeline.events import ONE_DAY, days_reached, timed_events
from abtest_lib.pipeline.run import Run
from abtest_lib.spark.frame_cache import FrameCache
from abtest_lib.transforms.attribution import attribution_spans, flag_purchases, reach_of_each
from abtest_lib.transforms.counts import daily_counts, distinct_events
from abtest_lib.transforms.experiments import assignments

_KEYS = ("day", "experiment_name", "variant_id", "event_name")
_FLAGS = {"flag_purchase": "purchases", "was_flagged": "purchases_before"}


@dataclass(frozen=True, slots=True)
class DailyCountsUpdate:
    """The daily counts that have changed.

    Attributes:
        counted: The result of `daily_counts` for the days that were counted again.
        late_days: Other days, on which a user became a buyer by a later purchase.
        late: day, experiment_name, variant_id, event_name and more_purchases of these days, at the same levels; None
            if there are none.
    """

    counted: DataFrame
    late_days: tuple[date, ...] = ()
    late: DataFrame | None = None

    def per_variant(self, stored: DataFrame) -> DataFrame:
        """Return the changed rows of gold/experiment_daily: days counted again, and late days corrected."""
        return self._with_late_days(stored, "event_name IS NULL AND variant_id IS NOT NULL")

    def per_event(self, stored: DataFrame) -> DataFrame:
        """Return the changed rows of gold/funnel_daily: days counted again, and late days corrected."""
        return self._with_late_days(stored, "event_name IS NOT NULL")

    def _with_late_days(self, stored: DataFrame, level: str) -> DataFrame:
        counted = self.counted.where(level).select(*stored.columns)
        if self.late is None:
            return counted
        keys = [name for name in _KEYS if name in stored.columns]
        more = self.late.where(level).select(*keys, "more_purchases")
        gained = F.col("purchases") + F.coalesce("more_purchases", F.lit(0))
        corrected = stored.where(F.col("day").isin(list(self.late_days))).join(more, keys, "left")
        return counted.unionByName(corrected.withColumn("purchases", gained).select(*stored.columns))


def update_daily_counts(
    run: Run, frames: FrameCache, days: Collection[date], bought: DataFrame | None
) -> DailyCountsUpdate:
    """Count some days again, and find the users whom new purchases make buyers on other days.

    On other days only the events of users with a new purchase are read. They are counted twice: with all purchases,
    and with the earlier ones only.

    Args:
        run: The run; silver holds the new purchases already.
        frames: Where the counts are kept.
        days: The days to count again.
        bought: The new purchases: row_id, user_id, timestamp; None if no other day can change.

    Returns:
        The changed counts.
    """
    window = run.settings.attribution_window
    reach = None if bought is None else days_reached(run, reach_of_each(bought, window))
    stretches = [(day, day) for day in sorted(days)] + ([] if reach is None else [reach])
    events, is_counted = timed_events(run, stretches), F.col("day").isin(list(days))
    earliest = min(first for first, _ in stretches) - ONE_DAY  # earlier purchases follow no event here
    purchases = run.lake[PURCHASES].read().where(F.col("timestamp") >= F.lit(earliest))
    after = attribution_spans(purchases, window)
    if bought is None or reach is None:
        seen = frames.persist(lambda: distinct_events(flag_purchases(events.where(is_counted), after)))
        return DailyCountsUpdate(frames.persist(lambda: daily_counts(seen, assignments(seen))))
    buyers = bought.select("user_id", F.lit(True).alias("has_bought")).distinct()
    wanted = events.join(buyers, "user_id", "left").where(
        is_counted | (F.col("has_bought") & F.col("day").between(*reach))
    )
    before = attribution_spans(anti_join_keys(purchases, bought, ["row_id"]), window)
    flagged_before = flag_purchases(wanted, before).withColumnRenamed("flag_purchase", "was_flagged")
    seen = frames.persist(lambda: distinct_events(flag_purchases(flagged_before, after), _FLAGS))
    counts = frames.persist(lambda: daily_counts(seen, assignments(seen), _FLAGS))
    more = (F.col("purchases") - F.col("purchases_before")).alias("more_purchases")
    late = counts.where(~is_counted).select(*_KEYS, more).where("more_purchases > 0")
    late_days = tuple(sorted(row["day"] for row in late.select("day").distinct().collect()))
    return DailyCountsUpdate(counts.where(is_counted).drop("purchases_before"), late_days, late if late_days else None)
