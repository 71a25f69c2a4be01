"""bronze and silver → gold/metric_to_date: sums of every metric over the users of each arm and segment."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import date
from functools import partial, reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from abtest_lib.contracts import EVENTS, EXPERIMENT_TO_DATE, METRIC_TO_DATE, PARTICIPANTS
from abtest_lib.errors import LakeError
from abtest_lib.lake.delta_log import Commit
from abtest_lib.metrics import Metric
from abtest_lib.metrics.event_names import unknown_events
from abtest_lib.pipeline.events import all_assignments, arrivals, days_of
from abtest_lib.pipeline.run import Run, fingerprint
from abtest_lib.pipeline.step import IncrementalStep, Inputs, Since
from abtest_lib.spark.frame_cache import FrameCache
from abtest_lib.transforms.days import day_of
from abtest_lib.transforms.enrolled_users import enrolled_users
from abtest_lib.transforms.measures import name_measures, with_measures
from abtest_lib.transforms.metric_changes import metric_changes
from abtest_lib.transforms.metric_sums import plan_sums
from abtest_lib.transforms.metric_to_date import metrics_to_date
from abtest_lib.transforms.participants import is_fallback
from abtest_lib.transforms.segments import Segments, with_segments

DECLARED = "metrics"
"""The name under which ops/runs remembers a fingerprint of the catalogue and the segments."""

MEANING = 1
"""Raised when the same events lead to other sums."""

_SOURCES = (EVENTS, PARTICIPANTS, EXPERIMENT_TO_DATE)
_METRICS_AT_ONCE = 20
"""Each metric adds some ten columns to a query."""


def is_needed(run: Run) -> bool:
    """Return whether there are metrics or segments to compute, or were once."""
    return bool(run.catalogue.own or _segments(run)) or run.lake[METRIC_TO_DATE].exists


def _inputs(run: Run) -> Inputs:
    versions = run.lake.versions(*_SOURCES)
    missing = [contract.full_name for contract in _SOURCES if contract.full_name not in versions]
    if missing:
        raise LakeError(f"lake {run.lake} has no {missing[0]}: run aggregate_gold first")
    return {**versions, DECLARED: _fingerprint(run)}


def _fingerprint(run: Run) -> int:
    items = sorted(run.registry.experiments.items())
    declared = [(name, item.segments, item.period_starts, item.fallback_variants, item.end) for name, item in items]
    return fingerprint((MEANING, run.catalogue.meaning, declared))


def _segments(run: Run) -> Segments:
    return {name: item.segments for name, item in run.registry.experiments.items() if item.segments}


def _rebuild(run: Run) -> Sequence[Commit]:
    if not run.catalogue.own and not _segments(run):
        return [run.lake[METRIC_TO_DATE].overwrite(run.lake[METRIC_TO_DATE].read().limit(0))]
    with closing(FrameCache()) as frames:
        return [run.lake[METRIC_TO_DATE].overwrite(_rows(run, frames, None))]


def _extend(run: Run, since: Since) -> Sequence[Commit] | None:
    """Sum up again the days from the first new event on; what is known of earlier days does not change."""
    after, upto = since.consumed[EVENTS.full_name], since.now[EVENTS.full_name]
    new = arrivals(run, after, upto) if upto > after else None
    if new is None and upto > after:
        return None
    arrived = () if new is None else days_of(run, new)
    first = min((*arrived[:1], *_missing_days(run)), default=None)
    if first is None:
        return ()
    shown = run.lake[EXPERIMENT_TO_DATE].read().select("day").where(F.col("day") >= F.lit(first))
    stored = run.lake[METRIC_TO_DATE].read().select("day").where(F.col("day") >= F.lit(first))
    days = {row["day"] for row in shown.unionByName(stored).distinct().collect()}
    if not days:
        return ()
    with closing(FrameCache()) as frames:
        return [run.lake[METRIC_TO_DATE].replace_days(_rows(run, frames, first), days)]


def _missing_days(run: Run) -> list[date]:
    """Return the first day on which gold/experiment_to_date has an experiment and this table has not."""
    keys = ["day", "experiment_name"]
    there, here = (run.lake[item].read().select(*keys).distinct() for item in (EXPERIMENT_TO_DATE, METRIC_TO_DATE))
    row = there.join(here, keys, "left_anti").agg(F.min("day").alias("day")).first()
    return [] if row is None or row["day"] is None else [row["day"]]


def _rows(run: Run, frames: FrameCache, first: date | None) -> DataFrame:
    shown = run.lake[EXPERIMENT_TO_DATE].read().select("day", "experiment_name", "variant_id", "period_start")
    if first is not None:
        shown = shown.where(F.col("day") >= F.lit(first))
    enrolled = frames.persist(lambda: _enrolled(run))
    metrics, size = list(run.catalogue.metrics.values()), _METRICS_AT_ONCE
    batches = [metrics[start : start + size] for start in range(0, len(metrics), size)]
    return reduce(DataFrame.unionByName, [_sums(run, frames, enrolled, shown, batch) for batch in batches])


def _enrolled(run: Run) -> DataFrame:
    fallback = is_fallback(run.settings.fallback_variants, run.fallback_by_experiment)
    people, timezone = run.lake[PARTICIPANTS].read(), run.settings.reporting_timezone
    enrolled = enrolled_users(people, run.settings.cross_exposed, fallback, timezone)
    return with_segments(enrolled, run.lake[EVENTS].read(), partial(all_assignments, run), _segments(run))


def _sums(run: Run, frames: FrameCache, enrolled: DataFrame, shown: DataFrame, metrics: Sequence[Metric]) -> DataFrame:
    measures, timezone = name_measures(metrics), run.settings.reporting_timezone
    events = with_measures(run.lake[EVENTS].read().withColumn("day", day_of("timestamp", timezone)), measures)
    plan = plan_sums(metrics, measures)
    changes = frames.persist(lambda: metric_changes(enrolled, events, plan, run.periods, timezone))
    return metrics_to_date(changes, shown, plan, run.periods)


def _notices(run: Run) -> tuple[str, ...]:
    """Warn of metrics that cannot tell anything: no event has their name, or their sums are 0 for everybody."""
    if not run.catalogue.own:
        return ()
    largest = [F.max(name).alias(name) for name in ("sum_xx", "sum_yy", "sum_cc")]
    rows = run.lake[METRIC_TO_DATE].read().groupBy("metric").agg(*largest).orderBy("metric").collect()
    is_silent = any(row["sum_xx"] == 0 or row["sum_yy"] == 0 for row in rows)
    no_denominator = (
        f"metric '{row['metric']}': its denominator is 0 for every user so far" for row in rows if row["sum_yy"] == 0
    )
    no_covariate = (
        f"metric '{row['metric']}': its covariate is 0 for every user, so it changes nothing; do the data begin early "
        "enough before the experiments?"
        for row in rows
        if row["sum_cc"] == 0
    )
    return (*(_unknown_events(run) if is_silent else ()), *no_denominator, *no_covariate)


def _unknown_events(run: Run) -> Iterator[str]:
    names = run.lake[EVENTS].read().select("event_name").distinct().collect()
    return unknown_events(run.catalogue, [row["event_name"] for row in names])


AGGREGATE_METRICS = IncrementalStep(
    "aggregate_metrics", (METRIC_TO_DATE,), DECLARED, _inputs, _rebuild, _extend, _notices, is_needed=is_needed
)
"""Brings the sums of metrics up to date with bronze and silver."""
