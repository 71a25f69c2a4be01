"""bronze/events → silver: exposures, purchases, participants."""

from collections.abc import Sequence
from contextlib import closing
from itertools import chain

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from abtest_lib.contracts import EVENTS, EXPOSURES, PARTICIPANTS, PURCHASES, TableContract
from abtest_lib.errors import LakeError, one_line
from abtest_lib.lake.delta_log import Commit
from abtest_lib.lake.table import anti_join_keys
from abtest_lib.pipeline.events import all_assignments, arrivals, days_of, days_reached, of_same_users, purchases_of
from abtest_lib.pipeline.run import Run
from abtest_lib.pipeline.step import IncrementalStep, Inputs, Since
from abtest_lib.spark.concurrency import concurrently
from abtest_lib.spark.frame_cache import FrameCache
from abtest_lib.transforms.attribution import attribution_spans, flag_purchases
from abtest_lib.transforms.days import day_of
from abtest_lib.transforms.experiments import assignments, explode_experiments
from abtest_lib.transforms.participants import first_exposures, is_fallback, participants

REGISTRY = "registry"
_MOST_NAMES = 5
_OUTPUTS = (EXPOSURES, PURCHASES, PARTICIPANTS)
_SAME_PARTICIPANT = " AND ".join(f"target.{name} = source.{name}" for name in PARTICIPANTS.key)
_PARTICIPANT_IS = ", ".join(
    f"{name} = source.{name}" for name in PARTICIPANTS.column_names if name not in PARTICIPANTS.key
)


def _inputs(run: Run) -> Inputs:
    bronze = run.lake[EVENTS].version
    if bronze is None:
        raise LakeError(f"lake {run.lake} has no bronze/events: run ingest_bronze, or abtest run with --input, first")
    return {EVENTS.full_name: bronze, REGISTRY: run.fallback_fingerprint()}


def _rebuild(run: Run) -> Sequence[Commit]:
    events = run.lake[EVENTS].read()
    with closing(FrameCache()) as frames:
        assigned, bought = concurrently(
            lambda: all_assignments(run),
            lambda: frames.persist(lambda: purchases_of(events, run.settings.conversion_event)),
        )
        spans = attribution_spans(bought, run.settings.attribution_window)
        firsts = first_exposures(events, assigned)
        return concurrently(
            lambda: run.lake[EXPOSURES].overwrite(_exposures(run, events, assigned, spans)),
            lambda: run.lake[PURCHASES].overwrite(bought),
            lambda: run.lake[PARTICIPANTS].overwrite(_participants(run, firsts, bought)),
        )


def _extend(run: Run, since: Since) -> Sequence[Commit] | None:
    """Add the rows of new events."""
    after, upto = since.consumed[EVENTS.full_name], since.now[EVENTS.full_name]
    if after == upto:
        return ()
    new = arrivals(run, after, upto)
    if new is None:
        return None
    # With other versions than the last success wrote, a run was interrupted or the lake was maintained. Then each
    # write leaves out the rows that are there, so that repeating it is harmless.
    is_unchanged = run.lake.versions(*_OUTPUTS) == since.left
    return _add(run, new, is_unchanged=is_unchanged)


def _add(run: Run, new: DataFrame, *, is_unchanged: bool) -> Sequence[Commit]:
    bought = purchases_of(new, run.settings.conversion_event)
    purchases = run.lake[PURCHASES].append(bought if is_unchanged else _without_known(run, bought, PURCHASES))
    assigned = assignments(new)
    with closing(FrameCache()) as frames:
        others = concurrently(
            lambda: _extend_exposures(run, frames, new, assigned, bought, is_unchanged=is_unchanged),
            lambda: _extend_participants(run, frames, new, assigned),
        )
    return [purchases, *chain.from_iterable(others)]


def _without_known(run: Run, rows: DataFrame, contract: TableContract) -> DataFrame:
    known = run.lake[contract].read()
    if "day" in contract.partition_by:
        known = known.where(F.col("day").isin(list(days_of(run, rows))))
    return anti_join_keys(rows, known, ["row_id"])


def _extend_exposures(
    run: Run, frames: FrameCache, new: DataFrame, assigned: DataFrame, bought: DataFrame, *, is_unchanged: bool
) -> list[Commit]:
    marked = _flag_earlier_events(run, frames, bought)
    their_purchases = of_same_users(run.lake[PURCHASES].read(), new)
    spans = attribution_spans(their_purchases, run.settings.attribution_window)
    added = _exposures(run, new if is_unchanged else _without_known(run, new, EXPOSURES), assigned, spans)
    return [*marked, run.lake[EXPOSURES].append(added)]


def _flag_earlier_events(run: Run, frames: FrameCache, bought: DataFrame) -> list[Commit]:
    """Flag the earlier events that the new purchases follow, and no other rows."""
    spans = frames.persist(lambda: attribution_spans(bought, run.settings.attribution_window))
    reach = days_reached(run, spans)
    if reach is None:
        return []
    first, last = reach
    condition = (
        f"target.day BETWEEN DATE '{first}' AND DATE '{last}' AND target.user_id = source.buyer_id "
        "AND target.timestamp BETWEEN source.span_start AND source.span_end AND NOT target.flag_purchase"
    )
    commit = run.lake[EXPOSURES].update_matches(spans, condition, "flag_purchase = true")
    return [commit]


def _extend_participants(run: Run, frames: FrameCache, new: DataFrame, assigned: DataFrame) -> list[Commit]:
    """Add new participants, and correct those who have changed."""
    updates = frames.persist(lambda: _changed_participants(run, new, assigned))
    commits = [run.lake[PARTICIPANTS].append(updates.where("stored IS NULL"))]
    changed = updates.where("stored IS NOT NULL")
    if not changed.isEmpty():
        commits.append(run.lake[PARTICIPANTS].update_matches(changed, _SAME_PARTICIPANT, _PARTICIPANT_IS))
    return commits


def _changed_participants(run: Run, new: DataFrame, assigned: DataFrame) -> DataFrame:
    """Return the participants that are new or differ from the table; `stored` is the table's row or NULL."""
    table = of_same_users(run.lake[PARTICIPANTS].read_pinned(), new)
    keys, state = PARTICIPANTS.key, ("first_exposed_at", "converted_at", "cross_exposed_at")
    known = table.select(*keys, "first_exposed_at", F.struct(*state).alias("stored"))
    first_seen = first_exposures(new, assigned).withColumn("stored", F.lit(None).cast(known.schema["stored"].dataType))
    exposures = (
        known.unionByName(first_seen)
        .groupBy(*keys)
        .agg(F.min("first_exposed_at").alias("first_exposed_at"), F.max("stored").alias("stored"))
    )
    their_purchases = of_same_users(run.lake[PURCHASES].read(), new)
    return _participants(run, exposures, their_purchases).where(~F.struct(*state).eqNullSafe(F.col("stored")))


def _exposures(run: Run, events: DataFrame, assigned: DataFrame, spans: DataFrame) -> DataFrame:
    flagged = flag_purchases(events.withColumn("day", day_of("timestamp", run.settings.reporting_timezone)), spans)
    # A partitioned write sorts by partition: here that is cheap, after the explosion it is not.
    return explode_experiments(flagged.sortWithinPartitions("day", "user_id"), assigned)


def _participants(run: Run, exposures: DataFrame, bought: DataFrame) -> DataFrame:
    fallback = is_fallback(run.settings.fallback_variants, run.fallback_by_experiment)
    return participants(exposures, bought, fallback, run.settings.attribution_window)


def _notices(run: Run) -> tuple[str, ...]:
    """Warn if no event has the name of the conversion event: usually the setting is wrong."""
    if not run.lake[PURCHASES].read().isEmpty():
        return ()
    by_name = run.lake[EVENTS].read().groupBy("event_name").count().orderBy(F.desc("count"), "event_name")
    names = by_name.limit(_MOST_NAMES).collect()
    if not names:
        return ()
    listed = ", ".join(f"{one_line(row['event_name'], 40)} ({row['count']:,})" for row in names)
    wanted = one_line(run.settings.conversion_event, 40)
    said = f"conversion_event = {wanted}, and no event has this name, so nobody converts"
    return (f"{said}; the most frequent names are {listed}: set ABTEST_CONVERSION_EVENT",)


BUILD_SILVER = IncrementalStep("build_silver", _OUTPUTS, REGISTRY, _inputs, _rebuild, _extend, _notices)
"""Brings silver up to date with bronze."""
