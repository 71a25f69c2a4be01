"""bronze/events → silver: exposures, purchases, participants."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from itertools import chain
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from abtest_lib.contracts import EVENTS, EXPOSURES, PARTICIPANTS, PURCHASES, TableContract
from abtest_lib.errors import LakeError
from abtest_lib.pipeline.context import Room, Run, concurrently, kept, versions_of
from abtest_lib.pipeline.events import all_assignments, days_of, days_reached, of_same_users, purchases_of
from abtest_lib.spark.log import Commit, last_commit, log_reaches
from abtest_lib.spark.tables import (
    anti_join_keys,
    append,
    merge,
    overwrite,
    read_inserts,
    read_table,
    update_matches,
)
from abtest_lib.transforms.attribution import attribution_spans, flag_purchases
from abtest_lib.transforms.days import day_of
from abtest_lib.transforms.experiments import assignments, explode_experiments
from abtest_lib.transforms.participants import first_exposures, is_fallback, participants

JOB = "build_silver"
REGISTRY = "registry"
_CONTRACTS = (EXPOSURES, PURCHASES, PARTICIPANTS)
Written = tuple[TableContract, Commit]
_PARTICIPANT_CHANGED = """
    target.first_exposed_at <> source.first_exposed_at
    OR NOT (target.converted_at <=> source.converted_at)
    OR NOT (target.cross_exposed_at <=> source.cross_exposed_at)
"""


def build_silver(run: Run) -> Mapping[str, Any]:
    """Bring silver up to date with bronze.

    Args:
        run: The run; its history says which version of bronze the tables already hold.

    Returns:
        The fields of the step's report.

    Raises:
        LakeError: There is no bronze table.
    """
    bronze = last_commit(run.spark, EVENTS, run.lake)
    if bronze is None:
        raise LakeError(f"lake {run.lake} has no bronze/events: run ingest_bronze first")
    inputs = {EVENTS.full_name: bronze.version, REGISTRY: run.fallback_fingerprint()}
    last = run.last_by(JOB, REGISTRY, inputs)
    if last is None:
        return _report(inputs, _rebuild(run, bronze.version))
    consumed = last.input_versions[EVENTS.full_name]
    if consumed == bronze.version:
        return _report(inputs, []) | {"output_versions": versions_of(run, *_CONTRACTS)}
    if not log_reaches(EVENTS, run.lake, consumed + 1):
        return _report(inputs, _rebuild(run, bronze.version))
    with kept(read_inserts(run.spark, EVENTS, run.lake, consumed, bronze.version)) as new:
        return _report(inputs, _extend(run, new))


def _rebuild(run: Run, bronze_version: int) -> list[Written]:
    events = read_table(run.spark, EVENTS, run.lake)
    with closing(Room()) as room:
        assigned, bought = concurrently(
            lambda: all_assignments(run, bronze_version),
            lambda: room.fill(lambda: purchases_of(events, run.settings.conversion_event)),
        )
        spans = attribution_spans(bought, run.settings.attribution_window)
        firsts = first_exposures(events, assigned)
        writes = concurrently(
            lambda: overwrite(_exposures(run, events, assigned, spans), EXPOSURES, run.lake),
            lambda: overwrite(bought, PURCHASES, run.lake),
            lambda: overwrite(_participants(run, firsts, bought), PARTICIPANTS, run.lake),
        )
    return list(zip(_CONTRACTS, writes, strict=True))


def _extend(run: Run, new: DataFrame) -> list[Written]:
    """Add what new events bring; each write leaves out what is there, so that repeating one does no harm."""
    bought = purchases_of(new, run.settings.conversion_event)
    known = read_table(run.spark, PURCHASES, run.lake)
    purchases = append(anti_join_keys(bought, known, ["row_id"]), PURCHASES, run.lake)
    assigned = assignments(new)
    others = concurrently(
        lambda: _extend_exposures(run, new, assigned, bought), lambda: _extend_participants(run, new, assigned)
    )
    return [(PURCHASES, purchases), *chain.from_iterable(others)]


def _extend_exposures(run: Run, new: DataFrame, assigned: DataFrame, bought: DataFrame) -> list[Written]:
    marked = _flag_earlier_events(run, bought)
    theirs = of_same_users(read_table(run.spark, PURCHASES, run.lake), new)
    spans = attribution_spans(theirs, run.settings.attribution_window)
    days = days_of(run, new)
    known = read_table(run.spark, EXPOSURES, run.lake).where(F.col("day").isin(list(days))).select("row_id").distinct()
    added = _exposures(run, anti_join_keys(new, known, ["row_id"]), assigned, spans)
    return [(EXPOSURES, commit) for commit in (*marked, append(added, EXPOSURES, run.lake))]


def _flag_earlier_events(run: Run, bought: DataFrame) -> list[Commit]:
    """Purchases that have just arrived flag events that were there before: these rows, and only these."""
    with kept(_new_spans(run, bought)) as spans:
        spans.count()  # once they are there, their size is known: a table of exposures meets them without a shuffle
        reach = days_reached(run, spans)
        if reach is None:
            return []
        first, last = reach
        commit = update_matches(
            spans,
            EXPOSURES,
            run.lake,
            f"target.day BETWEEN DATE '{first}' AND DATE '{last}' AND target.user_id = source.buyer_id "
            "AND target.timestamp BETWEEN source.span_start AND source.span_end AND NOT target.flag_purchase",
            "flag_purchase = true",
        )
        return [commit]


def _new_spans(run: Run, bought: DataFrame) -> DataFrame:
    """The stretches of time in which purchases that have just arrived may flag earlier events."""
    theirs = of_same_users(read_table(run.spark, PURCHASES, run.lake), bought)
    spans = attribution_spans(theirs, run.settings.attribution_window)
    arrived = bought.select(F.col("user_id").alias("buyer_id"), F.col("timestamp").alias("bought_at"))
    inside = F.col("bought_at").between(F.col("span_start"), F.col("span_end"))
    return spans.join(arrived, "buyer_id").where(inside).drop("bought_at").distinct()


def _extend_participants(run: Run, new: DataFrame, assigned: DataFrame) -> list[Written]:
    stored = of_same_users(read_table(run.spark, PARTICIPANTS, run.lake), new)
    columns = ["experiment_name", "user_id", "variant_id", "first_exposed_at"]
    both = stored.select(*columns).unionByName(first_exposures(new, assigned).select(*columns))
    exposures = both.groupBy(*columns[:3]).agg(F.min("first_exposed_at").alias("first_exposed_at"))
    theirs = of_same_users(read_table(run.spark, PURCHASES, run.lake), new)
    return [(PARTICIPANTS, merge(_participants(run, exposures, theirs), PARTICIPANTS, run.lake, _PARTICIPANT_CHANGED))]


def _exposures(run: Run, events: DataFrame, assigned: DataFrame, spans: DataFrame) -> DataFrame:
    flagged = flag_purchases(events.withColumn("day", day_of("timestamp", run.settings.reporting_timezone)), spans)
    # A partitioned write sorts by partition: here that is cheap, after the explosion it is not.
    return explode_experiments(flagged.sortWithinPartitions("day", "user_id"), assigned)


def _participants(run: Run, exposures: DataFrame, bought: DataFrame) -> DataFrame:
    fallback = is_fallback(run.settings.fallback_variants, run.fallback_by_experiment)
    return participants(exposures, bought, fallback, run.settings.attribution_window)


def _report(inputs: Mapping[str, int], writes: Sequence[Written]) -> dict[str, Any]:
    return {
        "rows_written": sum(commit.rows_changed for _, commit in writes),
        "input_versions": inputs,
        "output_versions": {contract.full_name: commit.version for contract, commit in writes},  # the last one counts
    }
