"""bronze and silver → gold: counts by day, counts to date, health."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from abtest_lib.contracts import (
    EVENTS,
    EXPERIMENT_DAILY,
    EXPERIMENT_HEALTH,
    EXPERIMENT_TO_DATE,
    FUNNEL_DAILY,
    LAKE_DAILY,
    PARTICIPANTS,
    PURCHASES,
    QUARANTINE,
)
from abtest_lib.errors import LakeError
from abtest_lib.lake.delta_log import Commit
from abtest_lib.pipeline.build_silver import BUILD_SILVER
from abtest_lib.pipeline.build_silver import REGISTRY as SILVER_REGISTRY
from abtest_lib.pipeline.daily_counts_update import update_daily_counts
from abtest_lib.pipeline.events import all_assignments, arrivals, days_of, purchases_of, timed_events
from abtest_lib.pipeline.history import StepReport
from abtest_lib.pipeline.lake_days import LakeDays, write_lake_days
from abtest_lib.pipeline.run import Run, fingerprint
from abtest_lib.pipeline.step import IncrementalStep, Inputs, Since
from abtest_lib.spark.concurrency import concurrently
from abtest_lib.spark.frame_cache import FrameCache
from abtest_lib.transforms.attribution import attribution_spans, flag_purchases
from abtest_lib.transforms.counts import daily_counts, distinct_events
from abtest_lib.transforms.days import day_of
from abtest_lib.transforms.health import health, people_changes
from abtest_lib.transforms.lake_daily import COUNTS as LAKE_COUNTS
from abtest_lib.transforms.participant_groups import group_participants
from abtest_lib.transforms.participants import is_fallback
from abtest_lib.transforms.to_date import COUNTS, as_of_days, daily_changes, enrolments, with_period

REGISTRY = "registry"
MEANING = 2
"""Raised when the same events lead to other counts. 2: rows also on days on which a participant converts."""

_OUTPUTS = (LAKE_DAILY, EXPERIMENT_DAILY, FUNNEL_DAILY, EXPERIMENT_TO_DATE, EXPERIMENT_HEALTH)


@dataclass(frozen=True, slots=True)
class StoredCounts:
    """Stored counts to date that later days can be added to.

    Attributes:
        until: experiment_name, known_until: the last stored day; experiments to be summed from the start are absent.
        variants: Stored rows of gold/experiment_to_date of these days.
        people: Stored rows of gold/experiment_health of these days.
        health: All stored rows of gold/experiment_health.
    """

    until: DataFrame
    variants: DataFrame
    people: DataFrame
    health: DataFrame


def _inputs(run: Run) -> Inputs:
    silver = run.history.last(BUILD_SILVER.name)
    if silver is None:
        raise LakeError(f"lake {run.lake} has no complete silver tables: run build_silver first")
    _check_silver(run, silver)
    rejected = run.lake.versions(QUARANTINE)
    return {**silver.input_versions, **silver.output_versions, **rejected, REGISTRY: _fingerprint(run)}


def _fingerprint(run: Run) -> int:
    """Return a number that changes with the declarations and MEANING, so that older tables are rebuilt."""
    ends = sorted((name, item.end) for name, item in run.registry.experiments.items() if item.end is not None)
    return fingerprint((MEANING, sorted(run.fallback_by_experiment.items()), sorted(run.periods.items()), ends))


def _extend(run: Run, since: Since) -> Sequence[Commit] | None:
    """Add what bronze gained from the version that the last success consumed to the version that silver has."""
    after, upto = since.consumed[EVENTS.full_name], since.now[EVENTS.full_name]
    new = arrivals(run, after, upto) if upto > after else None
    if new is None and upto > after:
        return None
    arrived = () if new is None else days_of(run, new)
    if new is not None and arrived:
        return _add_arrivals(run, since, new, arrived)
    if since.consumed.get(QUARANTINE.full_name) == since.now.get(QUARANTINE.full_name):
        return ()
    return [write_lake_days(run, run.lake[LAKE_DAILY].read_pinned().select(*LAKE_COUNTS))]


def _add_arrivals(run: Run, since: Since, new: DataFrame, arrived: tuple[date, ...]) -> Sequence[Commit]:
    """Count the days of new events again, and the days that new purchases reach."""
    bought = purchases_of(new, run.settings.conversion_event)
    with closing(FrameCache()) as frames:
        lake_days = LakeDays.of(run, frames, arrived)
        first = min(arrived[0], lake_days.first_missing_end(run) or arrived[0])
        if _are_unchanged(run, since.left):
            return _add(run, frames, lake_days, arrived, first, bought)
        # An earlier run ended between two tables: days that it may have corrected are counted again.
        late_days = update_daily_counts(run, frames, arrived, bought).late_days
        return _add(run, frames, lake_days, tuple(sorted({*arrived, *late_days})), first, None)


def _check_silver(run: Run, silver: StepReport) -> None:
    """Raise unless bronze and silver have the versions of silver's last success, which this step notes as consumed."""
    if silver.input_versions.get(SILVER_REGISTRY) != run.fallback_fingerprint():
        raise LakeError(f"lake {run.lake} has silver tables of other fallback variants: run build_silver first")
    if silver in run.history.unwritten:
        return  # this very run has made them
    known = {**silver.input_versions, **silver.output_versions}
    for name, version in run.lake.versions(EVENTS, PURCHASES, PARTICIPANTS).items():
        if version != known.get(name):
            raise LakeError(
                f"lake {run.lake} has {name} at version {version}, and build_silver has last finished with version "
                f"{known.get(name)}: run build_silver first"
            )


def _are_unchanged(run: Run, versions: Mapping[str, int]) -> bool:
    """Return whether the daily tables have the versions that this step's last success wrote."""
    found = run.lake.versions(EXPERIMENT_DAILY, FUNNEL_DAILY)
    return all(versions.get(name) == version for name, version in found.items())


def _rebuild(run: Run) -> Sequence[Commit]:
    with closing(FrameCache()) as frames:
        counts, groups, lake_days = concurrently(
            lambda: frames.persist(lambda: _counts(run)),
            lambda: frames.persist(lambda: _everybody(run)),
            lambda: LakeDays.of(run, frames),
        )
        daily, other_days = _per_variant(counts), _other_days(run, groups, lake_days)
        return concurrently(
            lambda: write_lake_days(run, lake_days.counts),
            lambda: run.lake[EXPERIMENT_DAILY].overwrite(daily),
            lambda: run.lake[FUNNEL_DAILY].overwrite(_per_event(counts)),
            lambda: run.lake[EXPERIMENT_TO_DATE].overwrite(_to_date(run, groups, daily, other_days, None, None)),
            lambda: run.lake[EXPERIMENT_HEALTH].overwrite(
                _health(groups, _per_experiment(counts), other_days, None, None)
            ),
        )


def _everybody(run: Run) -> DataFrame:
    people = run.lake[PARTICIPANTS].read()
    return group_participants(people, _with_fallback(run, people), run.settings.reporting_timezone)


def _add(
    run: Run, frames: FrameCache, lake_days: LakeDays, counted: tuple[date, ...], since: date, bought: DataFrame | None
) -> Sequence[Commit]:
    """Count some days again, correct those that only gained buyers, and continue the counts to date from `since`."""
    new, (known, groups), others = concurrently(
        lambda: update_daily_counts(run, frames, counted, bought),
        lambda: _stored_and_changed(run, frames, since),
        lambda: frames.persist(
            lambda: run.lake[EXPERIMENT_DAILY].read_pinned().where(~F.col("day").isin(list(counted)))
        ),
    )
    daily = others.unionByName(_per_variant(new.counted))
    other_days = frames.persist(lambda: _other_days(run, groups, lake_days).where(F.col("day") >= F.lit(since)))
    shown = [rows.select("day").where(F.col("day") >= F.lit(since)) for rows in (daily, other_days, known.health)]
    later = {row["day"] for row in reduce(DataFrame.unionByName, shown).distinct().collect()}
    later |= {day for day in counted if day >= since}
    counted_people = _per_experiment(new.counted)
    stored_people = known.health.where("participants > 0").where(~F.col("day").isin(list(counted)))
    everybody = stored_people.select(*counted_people.columns).unionByName(counted_people)
    per_variant, per_event = new.per_variant(others), new.per_event(run.lake[FUNNEL_DAILY].read())
    days = (*counted, *new.late_days)
    return concurrently(
        lambda: write_lake_days(run, lake_days.counts),
        lambda: run.lake[EXPERIMENT_DAILY].replace_days(per_variant, days),
        lambda: run.lake[FUNNEL_DAILY].replace_days(per_event, days),
        lambda: run.lake[EXPERIMENT_TO_DATE].replace_days(
            _to_date(run, groups, daily, other_days, known, since), later
        ),
        lambda: run.lake[EXPERIMENT_HEALTH].replace_days(_health(groups, everybody, other_days, known, since), later),
    )


def _other_days(run: Run, groups: DataFrame, lake_days: LakeDays) -> DataFrame:
    """Return experiment_name, day of conversions and of registered ends that have passed."""
    converted = groups.where("converted IS NOT NULL").select("experiment_name", F.col("converted").alias("day"))
    return converted.unionByName(lake_days.ends_frame(run)).distinct()


def _stored_and_changed(run: Run, frames: FrameCache, since: date) -> tuple[StoredCounts, DataFrame]:
    """Return the stored counts before `since`, and the groups of participants for whom something has changed."""
    people, timezone = run.lake[PARTICIPANTS].read(), run.settings.reporting_timezone
    with_fallback = _with_fallback(run, people)
    known = _stored_counts(run, frames, with_fallback, since)
    return known, frames.persist(
        lambda: group_participants(_participants_to_add(people, known, timezone), with_fallback, timezone)
    )


def _counts(run: Run) -> DataFrame:
    """Count all events by day."""
    spans = attribution_spans(run.lake[PURCHASES].read(), run.settings.attribution_window)
    events = distinct_events(flag_purchases(timed_events(run), spans))
    return daily_counts(events, all_assignments(run))


def _per_variant(counts: DataFrame) -> DataFrame:
    return counts.where("event_name IS NULL AND variant_id IS NOT NULL").select(*EXPERIMENT_DAILY.column_names)


def _per_event(counts: DataFrame) -> DataFrame:
    return counts.where("event_name IS NOT NULL").select(*FUNNEL_DAILY.column_names)


def _per_experiment(counts: DataFrame) -> DataFrame:
    rows = counts.where("variant_id IS NULL")
    return rows.select("day", "experiment_name", F.col("users").alias("participants"))


def _with_fallback(run: Run, rows: DataFrame) -> list[str]:
    """Return the experiments that have rows of a fallback variant."""
    if not run.settings.fallback_variants and not run.fallback_by_experiment:
        return []
    fallback = is_fallback(run.settings.fallback_variants, run.fallback_by_experiment)
    return [row["experiment_name"] for row in rows.where(fallback).select("experiment_name").distinct().collect()]


def _stored_counts(run: Run, frames: FrameCache, with_fallback: Collection[str], since: date) -> StoredCounts:
    """Read the stored counts of each experiment's last day before `since`.

    An experiment with a fallback variant is summed from its start: whether a person is new there can depend on rows
    that `_participants_to_add` leaves out.
    """
    before = F.col("day") < F.lit(since)
    checked = frames.persist(run.lake[EXPERIMENT_HEALTH].read_pinned)
    people = checked.where(before & ~F.col("experiment_name").isin(sorted(with_fallback)))
    until = people.groupBy("experiment_name").agg(F.max("day").alias("known_until"))
    variants = run.lake[EXPERIMENT_TO_DATE].read().where(before)
    return StoredCounts(until, _on_last_day(variants, until), _on_last_day(people, until), checked)


def _on_last_day(rows: DataFrame, until: DataFrame) -> DataFrame:
    return rows.join(F.broadcast(until), "experiment_name").where("day = known_until").drop("known_until")


def _participants_to_add(participants: DataFrame, known: StoredCounts, timezone: str) -> DataFrame:
    """Return participants with a change after the stored counts, and all who saw several arms."""
    # Of the days, not of the instants: a clock that goes back over midnight gives a later one an earlier day.
    days = [day_of(name, timezone) for name in ("first_exposed_at", "converted_at", "cross_exposed_at")]
    is_changed = F.col("known_until").isNull() | (F.greatest(*days) > F.col("known_until"))
    joined = participants.join(F.broadcast(known.until), "experiment_name", "left")
    return joined.where(is_changed | F.col("cross_exposed_at").isNotNull()).drop("known_until")


def _after_stored(changes: DataFrame, known: StoredCounts) -> DataFrame:
    joined = changes.join(F.broadcast(known.until), "experiment_name", "left")
    return joined.where("known_until IS NULL OR day > known_until").drop("known_until")


def _to_date(
    run: Run, groups: DataFrame, daily: DataFrame, other_days: DataFrame, known: StoredCounts | None, since: date | None
) -> DataFrame:
    policy = run.settings.cross_exposed
    fallback = is_fallback(run.settings.fallback_variants, run.fallback_by_experiment)
    changes = daily_changes(enrolments(groups, policy, fallback), policy, run.periods)
    if known is not None:
        stored = with_period(known.variants, run.periods)
        later = _after_stored(changes, known)
        changes = later.unionByName(stored.select("experiment_name", "variant_id", "period", "day", *COUNTS))
    return as_of_days(changes, daily, other_days, run.periods, since)


def _health(
    groups: DataFrame, everybody: DataFrame, other_days: DataFrame, known: StoredCounts | None, since: date | None
) -> DataFrame:
    changes = people_changes(groups)
    if known is not None:
        stored = known.people.select(
            "experiment_name",
            "day",
            F.col("participants_to_date").alias("new_people"),
            F.col("cross_exposed_users_to_date").alias("newly_crossed"),
        )
        changes = _after_stored(changes, known).unionByName(stored)
    return health(changes, everybody, other_days, since)


AGGREGATE_GOLD = IncrementalStep("aggregate_gold", _OUTPUTS, REGISTRY, _inputs, _rebuild, _extend)
"""Brings the counts in gold up to date with bronze and silver."""
