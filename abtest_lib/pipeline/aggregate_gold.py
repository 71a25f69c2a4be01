"""bronze and silver → gold: counts by day, counts to date, health."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from abtest_lib.contracts import (
    EVENTS,
    EXPERIMENT_DAILY,
    EXPERIMENT_HEALTH,
    EXPERIMENT_TO_DATE,
    FUNNEL_DAILY,
    PARTICIPANTS,
    PURCHASES,
)
from abtest_lib.errors import LakeError
from abtest_lib.lake.delta_log import Commit
from abtest_lib.pipeline import build_silver
from abtest_lib.pipeline.daily_counts_update import recount
from abtest_lib.pipeline.events import all_assignments, arrivals, days_of, purchases_of, timed_events
from abtest_lib.pipeline.history import StepReport
from abtest_lib.pipeline.run import Run
from abtest_lib.spark.concurrency import concurrently
from abtest_lib.spark.frame_cache import FrameCache
from abtest_lib.transforms.attribution import attribution_spans, flag_purchases
from abtest_lib.transforms.counts import daily_counts, distinct_events
from abtest_lib.transforms.days import day_of
from abtest_lib.transforms.health import health, people_changes
from abtest_lib.transforms.participant_groups import gather
from abtest_lib.transforms.participants import is_fallback
from abtest_lib.transforms.to_date import COUNTS, as_of_days, daily_changes, entries, with_period

JOB = "aggregate_gold"
REGISTRY = "registry"
_CONTRACTS = (EXPERIMENT_DAILY, FUNNEL_DAILY, EXPERIMENT_TO_DATE, EXPERIMENT_HEALTH)


@dataclass(frozen=True, slots=True)
class Known:
    """What stored counts to date say, as far as they may be built upon.

    Attributes:
        until: experiment_name, known_until: the last stored day; experiments to be added up from the start are absent.
        variants: Stored rows of gold/experiment_to_date of these days.
        people: Stored rows of gold/experiment_health of these days.
        health: All stored rows of gold/experiment_health.
    """

    until: DataFrame
    variants: DataFrame
    people: DataFrame
    health: DataFrame


def aggregate_gold(run: Run) -> Mapping[str, Any]:
    """Bring the counts in gold up to date with bronze and silver.

    Args:
        run: The run; its history says what the tables already hold.

    Returns:
        The fields of the step's report.

    Raises:
        LakeError: Silver has not been built, or is not as `build_silver` left it.
    """
    silver = run.history.last(build_silver.JOB)
    if silver is None:
        raise LakeError(f"lake {run.lake} has no silver tables that this run may build upon: run build_silver first")
    inputs = {**silver.input_versions, **silver.output_versions, REGISTRY: run.declarations_fingerprint()}
    _refuse_others(run, silver)
    last = run.last_by(JOB, REGISTRY, inputs)
    return _report(inputs, _rebuild(run, inputs[EVENTS.full_name])) if last is None else _catch_up(run, inputs, last)


def _catch_up(run: Run, inputs: Mapping[str, int], last: StepReport) -> dict[str, Any]:
    """Bring the counts from the bronze that the last success has consumed to the bronze that silver has."""
    after, upto = last.input_versions[EVENTS.full_name], inputs[EVENTS.full_name]
    if upto == after:
        return _unchanged(run, inputs)
    if not run.lake[EVENTS].log_reaches(after + 1):
        return _report(inputs, _rebuild(run, inputs[EVENTS.full_name]))
    new = arrivals(run, after, upto)
    arrived = days_of(run, new)
    if not arrived:
        return _unchanged(run, inputs)
    bought = purchases_of(new, run.settings.conversion_event)
    with closing(FrameCache()) as frames:
        if _are_as_left(run, last.output_versions):
            return _report(inputs, _extend(run, frames, arrived, min(arrived), bought))
        # A run before this one was cut short between two tables: days that it may have corrected are counted anew.
        late_days = recount(run, frames, arrived, bought).late_days
        return _report(inputs, _extend(run, frames, tuple(sorted({*arrived, *late_days})), min(arrived), None))


def _unchanged(run: Run, inputs: Mapping[str, int]) -> dict[str, Any]:
    return _report(inputs, {}) | {"output_versions": run.lake.versions(*_CONTRACTS)}


def _refuse_others(run: Run, silver: StepReport) -> None:
    """Bronze and silver must be those that silver's last success tells of: what is read here is noted as consumed."""
    if silver.input_versions.get(build_silver.REGISTRY) != run.fallback_fingerprint():
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


def _are_as_left(run: Run, versions: Mapping[str, int]) -> bool:
    """Whether the daily tables are those that this step's last success left behind."""
    found = run.lake.versions(EXPERIMENT_DAILY, FUNNEL_DAILY)
    return all(versions.get(name) == version for name, version in found.items())


def _rebuild(run: Run, bronze_version: int) -> dict[str, Commit]:
    with closing(FrameCache()) as frames:
        counts, crowd = concurrently(
            lambda: frames.persist(lambda: _counts(run, bronze_version)),
            lambda: frames.persist(lambda: _everybody(run)),
        )
        daily = _per_variant(counts)
        commits = concurrently(
            lambda: run.lake[EXPERIMENT_DAILY].overwrite(_one_sorted_file_a_day(daily)),
            lambda: run.lake[FUNNEL_DAILY].overwrite(_one_sorted_file_a_day(_per_event(counts))),
            lambda: run.lake[EXPERIMENT_TO_DATE].overwrite(_to_date(run, crowd, daily, None, None)),
            lambda: run.lake[EXPERIMENT_HEALTH].overwrite(_health(crowd, _per_experiment(counts), None, None)),
        )
    return _by_table(commits)


def _everybody(run: Run) -> DataFrame:
    people = run.lake[PARTICIPANTS].read()
    return gather(people, _with_fallback(run, people), run.settings.reporting_timezone)


def _extend(
    run: Run, frames: FrameCache, counted: tuple[date, ...], since: date, bought: DataFrame | None
) -> dict[str, Commit]:
    """Count some days anew, correct those that only gained buyers, and carry the counts to date on from `since`."""
    new, (known, crowd), others = concurrently(
        lambda: recount(run, frames, counted, bought),
        lambda: _news(run, frames, since),
        lambda: frames.persist(
            lambda: run.lake[EXPERIMENT_DAILY].read_pinned().where(~F.col("day").isin(list(counted)))
        ),
    )
    daily = others.unionByName(_per_variant(new.counted))
    with_exposures = daily.where(F.col("day") >= since).select("day").distinct().collect()
    later = {row["day"] for row in with_exposures} | {day for day in counted if day >= since}
    counted_people = _per_experiment(new.counted)
    stored_people = known.health.where(~F.col("day").isin(list(counted))).select(*counted_people.columns)
    everybody = stored_people.unionByName(counted_people)
    per_variant, per_event = new.per_variant(others), new.per_event(run.lake[FUNNEL_DAILY].read())
    days = (*counted, *new.late_days)
    commits = concurrently(
        lambda: run.lake[EXPERIMENT_DAILY].replace_days(_one_sorted_file_a_day(per_variant), days),
        lambda: run.lake[FUNNEL_DAILY].replace_days(_one_sorted_file_a_day(per_event), days),
        lambda: run.lake[EXPERIMENT_TO_DATE].replace_days(_to_date(run, crowd, daily, known, since), later),
        lambda: run.lake[EXPERIMENT_HEALTH].replace_days(_health(crowd, everybody, known, since), later),
    )
    return _by_table(commits)


def _news(run: Run, frames: FrameCache, since: date) -> tuple[Known, DataFrame]:
    """What is known by the day before `since`, and the people of whom there is something new."""
    people, timezone = run.lake[PARTICIPANTS].read(), run.settings.reporting_timezone
    with_fallback = _with_fallback(run, people)
    known = _known(run, frames, with_fallback, since)
    return known, frames.persist(lambda: gather(_with_news(people, known, timezone), with_fallback, timezone))


def _counts(run: Run, bronze_version: int) -> DataFrame:
    """Counts of all events by day."""
    spans = attribution_spans(run.lake[PURCHASES].read(), run.settings.attribution_window)
    events = distinct_events(flag_purchases(timed_events(run), spans))
    return daily_counts(events, all_assignments(run, bronze_version))


def _per_variant(counts: DataFrame) -> DataFrame:
    return counts.where("event_name IS NULL AND variant_id IS NOT NULL").select(*EXPERIMENT_DAILY.column_names)


def _per_event(counts: DataFrame) -> DataFrame:
    return counts.where("event_name IS NOT NULL").select(*FUNNEL_DAILY.column_names)


def _per_experiment(counts: DataFrame) -> DataFrame:
    rows = counts.where("variant_id IS NULL")
    return rows.select("day", "experiment_name", F.col("users").alias("participants"))


def _with_fallback(run: Run, rows: DataFrame) -> list[str]:
    """The experiments that have rows of a fallback variant."""
    if not run.settings.fallback_variants and not run.fallback_by_experiment:
        return []
    fallback = is_fallback(run.settings.fallback_variants, run.fallback_by_experiment)
    return [row["experiment_name"] for row in rows.where(fallback).select("experiment_name").distinct().collect()]


def _known(run: Run, frames: FrameCache, with_fallback: Collection[str], since: date) -> Known:
    """Stored counts of each experiment's last day before `since`.

    An experiment with a fallback variant is added up from its start: whether a person is new there can hang on rows
    that the filter on news would leave out.
    """
    before = F.col("day") < F.lit(since)
    checked = frames.persist(run.lake[EXPERIMENT_HEALTH].read_pinned)
    people = checked.where(before & ~F.col("experiment_name").isin(sorted(with_fallback)))
    until = people.groupBy("experiment_name").agg(F.max("day").alias("known_until"))
    variants = run.lake[EXPERIMENT_TO_DATE].read().where(before)
    return Known(until, _on_last_day(variants, until), _on_last_day(people, until), checked)


def _on_last_day(rows: DataFrame, until: DataFrame) -> DataFrame:
    return rows.join(F.broadcast(until), "experiment_name").where("day = known_until").drop("known_until")


def _with_news(participants: DataFrame, known: Known, timezone: str) -> DataFrame:
    """Participants with something after what is known, and all those who saw several arms."""
    # Of the days, not of the instants: a clock that goes back over midnight gives a later one an earlier day.
    days = [day_of(name, timezone) for name in ("first_exposed_at", "converted_at", "cross_exposed_at")]
    is_news = F.col("known_until").isNull() | (F.greatest(*days) > F.col("known_until"))
    joined = participants.join(F.broadcast(known.until), "experiment_name", "left")
    return joined.where(is_news | F.col("cross_exposed_at").isNotNull()).drop("known_until")


def _after_known(changes: DataFrame, known: Known) -> DataFrame:
    joined = changes.join(F.broadcast(known.until), "experiment_name", "left")
    return joined.where("known_until IS NULL OR day > known_until").drop("known_until")


def _to_date(run: Run, crowd: DataFrame, daily: DataFrame, known: Known | None, since: date | None) -> DataFrame:
    policy = run.settings.cross_exposed
    fallback = is_fallback(run.settings.fallback_variants, run.fallback_by_experiment)
    changes = daily_changes(entries(crowd, policy, fallback), policy, run.periods)
    if known is not None:
        stored = with_period(known.variants, run.periods)
        news = _after_known(changes, known)
        changes = news.unionByName(stored.select("experiment_name", "variant_id", "period", "day", *COUNTS))
    return _one_sorted_file_a_day(as_of_days(changes, daily, run.periods, since))


def _health(crowd: DataFrame, everybody: DataFrame, known: Known | None, since: date | None) -> DataFrame:
    changes = people_changes(crowd)
    if known is not None:
        stored = known.people.select(
            "experiment_name",
            "day",
            F.col("participants_to_date").alias("new_people"),
            F.col("cross_exposed_users_to_date").alias("newly_crossed"),
        )
        changes = _after_known(changes, known).unionByName(stored)
    return _one_sorted_file_a_day(health(changes, everybody, since))


def _one_sorted_file_a_day(rows: DataFrame) -> DataFrame:
    """Readers look for one experiment on one day: a day is one file, ordered by experiment."""
    order = [name for name in ("day", "experiment_name", "variant_id") if name in rows.columns]
    return rows.repartition("day").sortWithinPartitions(*order)


def _by_table(commits: Sequence[Commit]) -> dict[str, Commit]:
    return {contract.full_name: commit for contract, commit in zip(_CONTRACTS, commits, strict=True)}


def _report(inputs: Mapping[str, int], commits: Mapping[str, Commit]) -> dict[str, Any]:
    return {
        "rows_written": sum(commit.rows_changed for commit in commits.values()),
        "input_versions": inputs,
        "output_versions": {name: commit.version for name, commit in commits.items()},
    }
