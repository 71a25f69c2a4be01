"""gold counts and posteriors → gold/comparisons and gold/verdicts."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from datetime import date
from functools import partial, reduce
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from abtest_lib.contracts import (
    COMPARISONS,
    EVENTS,
    EXPERIMENT_DAILY,
    EXPERIMENT_HEALTH,
    EXPERIMENT_TO_DATE,
    POSTERIORS,
    QUARANTINE,
    VERDICTS,
    TableContract,
)
from abtest_lib.errors import AbtestError, LakeError
from abtest_lib.lake.delta_log import Commit
from abtest_lib.pipeline.run import Run, fingerprint
from abtest_lib.spark.concurrency import concurrently
from abtest_lib.spark.frame_cache import persisted
from abtest_lib.spark.spark_errors import translate_spark_errors
from abtest_lib.verdict.panel import Context
from abtest_lib.verdict.rules import METRIC, RULES_VERSION, Rules
from abtest_lib.verdict.spark_udf import COMPARISON, VERDICT, judge_partition, output_ddl
from abtest_lib.verdict.verdicts import Verdict, absent_verdicts

JOB = "decide"
DECLARED = "declarations"
"""The name under which ops/runs remembers a fingerprint of the registry, the settings and the rules."""

_COUNTS = (EXPERIMENT_DAILY, EXPERIMENT_TO_DATE, EXPERIMENT_HEALTH)
_KEYS = ("day", "experiment_name", "variant_id")
_DAY_KEYS = ("day", "experiment_name")
_ROWS_PER_TASK = 250_000
_OUTPUTS = (VERDICTS, COMPARISONS)
_NO_DATA = "no_data"

Since = Mapping[str, date]
"""Experiment to the first day on which something that it is judged by has changed."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What verdicts are made of.

    Attributes:
        versions: Table to Delta version; a table that does not exist is absent.
        declarations: Fingerprint of the registry, the settings and the rules.
    """

    versions: Mapping[str, int]
    declarations: int

    def as_mapping(self) -> dict[str, int]:
        """Both, as ops/runs remembers them."""
        return {**self.versions, DECLARED: self.declarations}


def decide(run: Run) -> Mapping[str, Any]:
    """Bring comparisons and verdicts up to date; days whose inputs did not change are left alone.

    Args:
        run: The run.

    Returns:
        The fields of the step's report.

    Raises:
        LakeError: The counts have not been built.
    """
    inputs = _inputs(run)
    last = run.last_by(JOB, DECLARED, inputs.as_mapping())
    if last is not None and dict(last.input_versions) == inputs.as_mapping():
        return {"input_versions": inputs.as_mapping(), "output_versions": last.output_versions}
    since = None if last is None else _changed_since(run, inputs, last.input_versions)
    commits = _rebuild(run, inputs) if since is None else _extend(run, inputs, since)
    return _report(run, inputs, commits)


def _inputs(run: Run) -> Inputs:
    versions = run.lake.versions(*_COUNTS, POSTERIORS, EVENTS, QUARANTINE)
    missing = [contract.full_name for contract in _COUNTS if contract.full_name not in versions]
    if missing:
        raise LakeError(f"lake {run.lake} has no {missing[0]}: run aggregate_gold first")
    return Inputs(versions, _fingerprint(run))


def _fingerprint(run: Run) -> int:
    settings = (run.settings.control_names, run.settings.fallback_variants, run.settings.cross_exposed.value)
    return fingerprint((RULES_VERSION, Rules(), settings, sorted(run.registry.experiments.items())))


def _context(run: Run) -> Context:
    settings = run.settings
    return Context(run.registry, settings.control_names, settings.fallback_variants, settings.cross_exposed)


def _rebuild(run: Run, inputs: Inputs) -> list[Commit]:
    with persisted(_judged(run, inputs, None)) as judged:
        absent = _absent_rows(run, _absent(run))
        # The first write fills what is kept; the other then shares it.
        verdicts = run.lake[VERDICTS].overwrite(_sorted_days(_rows(judged, VERDICTS).unionByName(absent)))
        comparisons = run.lake[COMPARISONS].overwrite(_sorted_days(_rows(judged, COMPARISONS)))
    return [verdicts, comparisons]


def _extend(run: Run, inputs: Inputs, since: Since) -> list[Commit]:
    """Judge the experiments that changed, and write the days from their first change on beside the others' rows."""
    absent = _absent(run)
    stored = run.lake[VERDICTS].read()
    renewed = _with_since(stored.select(*_DAY_KEYS), run, since).where("day >= since")
    days = {row["day"] for row in renewed.select("day").distinct().collect()} | _days_of_change(run, stored, absent)
    with persisted(_judged(run, inputs, since)) as judged:
        days |= {row["day"] for row in judged.select("day").distinct().collect()}
        if not days:
            return []
        still_absent = [verdict for verdict in absent if verdict.day in days]
        kept_verdicts = _others(run, stored, since, days).where(f"NOT array_contains(reasons, '{_NO_DATA}')")
        verdicts = _rows(judged, VERDICTS).unionByName(kept_verdicts).unionByName(_absent_rows(run, still_absent))
        others = _others(run, run.lake[COMPARISONS].read(), since, days)
        comparisons = _rows(judged, COMPARISONS).unionByName(others)
        written = concurrently(
            lambda: run.lake[VERDICTS].replace_days(_sorted_days(verdicts), days),
            lambda: run.lake[COMPARISONS].replace_days(_sorted_days(comparisons), days),
        )
        return list(written)


def _judged(run: Run, inputs: Inputs, since: Since | None) -> DataFrame:
    """Verdicts and comparisons of all experiments, or of those that changed from their first change on."""
    counts = run.lake[EXPERIMENT_TO_DATE].read()
    if since is None:
        counts = counts.withColumn("since", F.lit("1970-01-01").cast("date"))
    else:
        counts = _with_since(counts, run, since)
    daily = (
        run.lake[EXPERIMENT_DAILY]
        .read()
        .select(*_KEYS, F.col("users").alias("day_users"), F.col("purchases").alias("day_purchases"))
    )
    joined = counts.join(daily, list(_KEYS), "left")
    if POSTERIORS.full_name in inputs.versions:
        believed = _beliefs(run.lake[POSTERIORS].read())
        joined = joined.join(believed, [*_KEYS, "users", "purchases"], "left")
    joined = joined.join(F.broadcast(_quarantined(run, inputs)), "day", "left")
    # An explicit number: adaptive execution would put everything, being small in bytes, on one core.
    tasks = max(1, math.ceil(run.lake[EXPERIMENT_TO_DATE].read().count() / _ROWS_PER_TASK))
    judge = partial(judge_partition, context=_context(run), rules=Rules())
    return joined.repartition(tasks, "experiment_name").mapInArrow(judge, output_ddl())


def _beliefs(posteriors: DataFrame) -> DataFrame:
    """What is believed, with the counts that it rests on: where they have changed since, there is no posterior yet."""
    to_date = posteriors.where((F.col("window") == "to_date") & (F.col("metric") == METRIC))
    return to_date.select(*_KEYS, "users", "purchases", "probability_best", "probability_beats_control")


def _quarantined(run: Run, inputs: Inputs) -> DataFrame:
    """day, quarantined_share: of the rows that give this date, those that were rejected.

    Both are counted by the date as it is written in the row, for rejected rows have no better one.
    """
    if QUARANTINE.full_name not in inputs.versions or EVENTS.full_name not in inputs.versions:
        return run.lake.session.createDataFrame([], "day date, quarantined_share double")
    accepted = run.lake[EVENTS].read().groupBy(F.col("event_date").alias("day"))
    rejected = run.lake[QUARANTINE].read().groupBy(F.substring("timestamp", 1, 10).alias("text"))
    good, bad = accepted.agg(F.count("*").alias("good")), rejected.agg(F.count("*").alias("bad"))
    joined = good.join(bad, F.col("day").cast("string") == F.col("text"), "inner")
    return joined.select("day", (F.col("bad") / (F.col("good") + F.col("bad"))).alias("quarantined_share"))


def _changed_since(run: Run, inputs: Inputs, known: Mapping[str, int]) -> Since | None:
    """Compare the inputs with their versions at the last success; None when those can no longer be read."""
    try:
        changes = [
            _differences(run, contract, known.get(contract.full_name), inputs.versions.get(contract.full_name))
            for contract in (*_COUNTS, POSTERIORS)
        ]
        changes.append(_warned_differently(run, inputs))
        frames = [frame for frame in changes if frame is not None]
        by_experiment = reduce(DataFrame.unionByName, frames).groupBy("experiment_name").agg(F.min("day").alias("day"))
        with translate_spark_errors("comparing the counts with those last judged"):
            rows = by_experiment.collect()
    except AbtestError:
        # An old version is vacuumed after a week: then everything is judged anew, which gives the same.
        return None
    return {row["experiment_name"]: row["day"] for row in rows}


def _differences(run: Run, contract: TableContract, before: int | None, after: int | None) -> DataFrame | None:
    """experiment_name, day of the rows of a table that differ between two versions."""
    if before == after:
        return None
    sides = [
        _digests(run.lake[contract].read(version), contract).withColumnRenamed("digest", name)
        for name, version in (("before", before), ("after", after))
        if version is not None
    ]
    if len(sides) == 1:
        return sides[0].select(*_DAY_KEYS)
    joined = sides[0].join(sides[1], list(_DAY_KEYS), "full")
    return joined.where(~F.col("before").eqNullSafe(F.col("after"))).select(*_DAY_KEYS)


def _digests(rows: DataFrame, contract: TableContract) -> DataFrame:
    """day, experiment_name, digest: a number that changes with the rows of the day."""
    used = _beliefs(rows) if contract is POSTERIORS else rows
    columns = [name for name in used.columns if name not in _DAY_KEYS]
    return used.groupBy(*_DAY_KEYS).agg(F.expr(f"bit_xor(xxhash64({', '.join(columns)}))").alias("digest"))


def _warned_differently(run: Run, inputs: Inputs) -> DataFrame:
    """Stored verdicts whose warning about rejected rows no longer holds, or now does."""
    stored = run.lake[VERDICTS].read().where(f"NOT array_contains(reasons, '{_NO_DATA}')")
    was_warned = F.array_contains("reasons", "quarantined_rows")
    is_warned = F.coalesce(F.col("quarantined_share") > Rules().quarantine_warning, F.lit(False))
    joined = stored.join(F.broadcast(_quarantined(run, inputs)), "day", "left")
    return joined.where(was_warned != is_warned).select(*_DAY_KEYS)


def _with_since(rows: DataFrame, run: Run, since: Since) -> DataFrame:
    changed = run.lake.session.createDataFrame(list(since.items()), "experiment_name string, since date")
    return rows.join(F.broadcast(changed), "experiment_name", "inner")


def _others(run: Run, stored: DataFrame, since: Since, days: Iterable[date]) -> DataFrame:
    """Stored rows of some days that no change touches."""
    changed = run.lake.session.createDataFrame(list(since.items()), "experiment_name string, since date")
    on_days = stored.where(F.col("day").isin(list(days)))
    joined = on_days.join(F.broadcast(changed), "experiment_name", "left")
    return joined.where("since IS NULL OR day < since").select(*stored.columns)


def _absent(run: Run) -> list[Verdict]:
    """Verdicts on registered experiments without data, on the days of which the lake has data."""
    expected = [item.name for item in run.registry.experiments.values() if item.start is not None]
    if not expected:
        return []
    health = run.lake[EXPERIMENT_HEALTH].read()
    days = [row["day"] for row in health.select("day").distinct().collect()]
    seen = (
        health.where(F.col("experiment_name").isin(expected)).groupBy("experiment_name").agg(F.min("day").alias("day"))
    )
    return absent_verdicts(run.registry, {row["experiment_name"]: row["day"] for row in seen.collect()}, days)


def _days_of_change(run: Run, stored: DataFrame, absent: Iterable[Verdict]) -> set[date]:
    """Days on which other experiments are without data than stored verdicts say."""
    if not run.registry.experiments:
        return set()
    rows = stored.where(f"array_contains(reasons, '{_NO_DATA}')").select(*_DAY_KEYS).collect()
    return {day for day, _ in {(v.day, v.experiment_name) for v in absent} ^ {(row[0], row[1]) for row in rows}}


def _absent_rows(run: Run, verdicts: Iterable[Verdict]) -> DataFrame:
    number = len(VERDICTS.columns)
    rows = [astuple(verdict)[:number] for verdict in verdicts]  # metric and segment stand behind the table's columns
    return run.lake.session.createDataFrame(rows, VERDICTS.ddl)


def _rows(judged: DataFrame, contract: TableContract) -> DataFrame:
    kind = VERDICT if contract is VERDICTS else COMPARISON
    return judged.where(F.col("kind") == kind).select(*contract.column_names)


def _sorted_days(rows: DataFrame) -> DataFrame:
    """Readers look for one experiment on one day: a day is one file, ordered by experiment."""
    order = [name for name in ("day", "experiment_name", "window", "variant_id") if name in rows.columns]
    return rows.repartition("day").sortWithinPartitions(*order)


def _report(run: Run, inputs: Inputs, commits: Iterable[Commit]) -> dict[str, Any]:
    written = sum(commit.rows_changed for commit in commits)
    latest = {contract.full_name: run.lake[contract].last_commit() for contract in _OUTPUTS}
    return {
        "rows_written": written,
        "input_versions": inputs.as_mapping(),
        "output_versions": {name: commit.version for name, commit in latest.items() if commit is not None},
    }
