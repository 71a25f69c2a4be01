"""Who has become a buyer on a day that is over, because a purchase has arrived that follows events of that day."""

from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from abtest_lib.contracts import PURCHASES
from abtest_lib.pipeline.context import Room, Run
from abtest_lib.pipeline.events import days_reached, of_same_users, timed_events
from abtest_lib.spark.tables import anti_join_keys, read_table
from abtest_lib.transforms.attribution import attribution_spans, flag_purchases, reach_of_each
from abtest_lib.transforms.counts import daily_counts
from abtest_lib.transforms.experiments import assignments

_KEYS = ("day", "experiment_name", "variant_id", "event_name")


@dataclass(frozen=True, slots=True)
class LateBuyers:
    """How many more users are buyers, on days without new events.

    Attributes:
        days: These days.
        counts: day, experiment_name, variant_id, event_name and more_purchases, at the levels of `daily_counts`; None
            when nothing changes.
    """

    days: tuple[date, ...] = ()
    counts: DataFrame | None = None

    def per_variant(self, stored: DataFrame, counted: DataFrame) -> DataFrame:
        """Rows of gold/experiment_daily: those counted anew, and those of the days here, corrected."""
        return self._correct(stored, counted, "event_name IS NULL AND variant_id IS NOT NULL")

    def per_event(self, stored: DataFrame, counted: DataFrame) -> DataFrame:
        """Rows of gold/funnel_daily: those counted anew, and those of the days here, corrected."""
        return self._correct(stored, counted, "event_name IS NOT NULL")

    def _correct(self, stored: DataFrame, counted: DataFrame, level: str) -> DataFrame:
        if self.counts is None:
            return counted
        keys = [name for name in _KEYS if name in stored.columns]
        more = self.counts.where(level).select(*keys, "more_purchases")
        gained = F.col("purchases") + F.coalesce("more_purchases", F.lit(0))
        corrected = stored.where(F.col("day").isin(list(self.days))).join(more, keys, "left")
        return counted.unionByName(corrected.withColumn("purchases", gained).select(*stored.columns))


NOBODY = LateBuyers()


def late_buyers(run: Run, room: Room, bought: DataFrame, arrived: tuple[date, ...]) -> LateBuyers:
    """Find the users whom new purchases make buyers on days without new events.

    Only the events of those who bought are looked at: counted with all their purchases, and with those known before.

    Args:
        run: The run; silver holds the new purchases already.
        room: Where the counts are kept.
        bought: The new purchases: row_id, user_id, timestamp.
        arrived: The days with new events, which are counted anew anyway.

    Returns:
        What changes.
    """
    window = run.settings.attribution_window
    reach = days_reached(run, reach_of_each(bought, window))
    if reach is None:
        return NOBODY
    events = timed_events(run, *reach).where(F.col("day").between(*reach) & ~F.col("day").isin(list(arrived)))
    purchases = of_same_users(read_table(run.spark, PURCHASES, run.lake), bought)
    before = anti_join_keys(purchases, bought, ["row_id"])
    after = flag_purchases(of_same_users(events, bought), attribution_spans(purchases, window))
    flagged = room.fill(lambda: after.where("flag_purchase").drop("flag_purchase"))
    # Of events that are flagged now, the users are the buyers now, and those flagged before the buyers before.
    counts = daily_counts(flag_purchases(flagged, attribution_spans(before, window)), assignments(flagged))
    more = counts.select(*_KEYS, (F.col("users") - F.col("purchases")).alias("more_purchases"))
    gained = room.fill(lambda: more.where("more_purchases > 0"))
    days = tuple(sorted(row["day"] for row in gained.select("day").distinct().collect()))
    return LateBuyers(days, gained) if days else NOBODY
