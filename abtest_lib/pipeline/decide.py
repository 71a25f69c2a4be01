"""gold counts and posteriors → gold/comparisons and gold/verdicts."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple
from datetime import date, timedelta
from difflib import get_close_matches
from functools import partial, reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from abtest_lib.contracts import (
    COMPARISONS,
    EXPERIMENT_DAILY,
    EXPERIMENT_HEALTH,
    EXPERIMENT_TO_DATE,
    LAKE_DAILY,
    METRIC_TO_DATE,
    POSTERIORS,
    VERDICTS,
    TableContract,
)
from abtest_lib.errors import AbtestError, LakeError, one_line
from abtest_lib.lake.delta_log import Commit
from abtest_lib.pipeline.lake_days import calendar
from abtest_lib.pipeline.run import Run, fingerprint
from abtest_lib.pipeline.step import IncrementalStep, Inputs, Since
from abtest_lib.spark.concurrency import concurrently
from abtest_lib.spark.frame_cache import persisted
from abtest_lib.spark.small_frames import literal_rows
from abtest_lib.spark.spark_errors import translate_spark_errors
from abtest_lib.verdict.panel import Context
from abtest_lib.verdict.rows import Verdict, absent_verdicts
from abtest_lib.verdict.rules import EVERYBODY, METRIC, RULES_VERSION, Rules
from abtest_lib.verdict.spark_udf import COMPARISON, VERDICT, judge_partition, output_ddl

DECLARED = "declarations"
"""The name under which ops/runs remembers a fingerprint of the registry, the settings and the rules."""

_COUNTS = (EXPERIMENT_DAILY, EXPERIMENT_TO_DATE, EXPERIMENT_HEALTH)
_KEYS = ("day", "experiment_name", "variant_id")
_DAY_KEYS = ("day", "experiment_name")
_OF_POSTERIORS = (*_KEYS, "metric", "users", "purchases", "probability_best", "probability_beats_control")
_ROWS_PER_TASK = 250_000
_MOST_NAMES = 3
_NO_DATA = "no_data"

FirstChange = Mapping[str, date]
"""Experiment to the first day on which something that it is judged by has changed."""


def _inputs(run: Run) -> Inputs:
    versions = run.lake.versions(*_COUNTS, LAKE_DAILY, METRIC_TO_DATE, POSTERIORS)
    missing = [contract.full_name for contract in _COUNTS if contract.full_name not in versions]
    if missing:
        raise LakeError(f"lake {run.lake} has no {missing[0]}: run aggregate_gold first")
    return {**versions, DECLARED: _fingerprint(run)}


def _fingerprint(run: Run) -> int:
    settings = (run.settings.control_names, run.settings.fallback_variants, run.settings.cross_exposed.value)
    declared = sorted(run.registry.experiments.items()), run.catalogue.meaning
    return fingerprint((RULES_VERSION, Rules(), settings, declared))


def _context(run: Run) -> Context:
    settings = run.settings
    window = settings.attribution_window
    window_days = math.inf if window is None else window / timedelta(days=1)
    policy = settings.cross_exposed
    names = settings.control_names, settings.fallback_variants
    return Context(run.registry, *names, policy, window_days, catalogue=run.catalogue)


def _rebuild(run: Run) -> Sequence[Commit]:
    with persisted(_judged(run, None)) as judged:
        absent = _absent_rows(run, _absent(run))
        # The first write fills what is persisted; the other then shares it.
        verdicts = run.lake[VERDICTS].overwrite(_rows(judged, VERDICTS).unionByName(absent))
        comparisons = run.lake[COMPARISONS].overwrite(_rows(judged, COMPARISONS))
    return [verdicts, comparisons]


def _extend(run: Run, since: Since) -> Sequence[Commit] | None:
    """Judge the experiments that changed, and replace the days from their first change on."""
    changed = _changed_since(run, since)
    return None if changed is None else _judge_again(run, changed)


def _judge_again(run: Run, changed: FirstChange) -> Sequence[Commit]:
    absent = _absent(run)
    stored = run.lake[VERDICTS].read()
    renewed = _with_since(stored.select(*_DAY_KEYS), run, changed).where("day >= since")
    days = {row["day"] for row in renewed.select("day").distinct().collect()} | _days_of_change(run, stored, absent)
    with persisted(_judged(run, changed)) as judged:
        days |= {row["day"] for row in judged.select("day").distinct().collect()}
        if not days:
            return ()
        still_absent = [verdict for verdict in absent if verdict.day in days]
        kept_verdicts = _others(run, stored, changed, days).where(f"NOT array_contains(reasons, '{_NO_DATA}')")
        verdicts = _rows(judged, VERDICTS).unionByName(kept_verdicts).unionByName(_absent_rows(run, still_absent))
        others = _others(run, run.lake[COMPARISONS].read(), changed, days)
        comparisons = _rows(judged, COMPARISONS).unionByName(others)
        return concurrently(
            lambda: run.lake[VERDICTS].replace_days(verdicts, days),
            lambda: run.lake[COMPARISONS].replace_days(comparisons, days),
        )


def _judged(run: Run, since: FirstChange | None) -> DataFrame:
    """Judge all experiments, or those that changed from their first change on."""
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
    if run.lake[POSTERIORS].exists:
        posteriors = _to_date_posteriors(run.lake[POSTERIORS].read())
        joined = joined.join(posteriors, [*_KEYS, "users", "purchases"], "left")
    if run.lake[METRIC_TO_DATE].exists:
        joined = joined.join(_sums(run), list(_KEYS), "left")
    joined = joined.join(F.broadcast(_day_facts(run)), "day", "left")
    # An explicit number: adaptive execution would put everything, being small in bytes, on one core.
    tasks = max(1, math.ceil(run.lake[EXPERIMENT_TO_DATE].read().count() / _ROWS_PER_TASK))
    judge = partial(judge_partition, context=_context(run), rules=Rules())
    return joined.repartition(tasks, "experiment_name").mapInArrow(judge, output_ddl())


def _sums(run: Run) -> DataFrame:
    """Return day, experiment_name, variant_id and `metrics`: the sums of each metric and segment, with posteriors."""
    sums = run.lake[METRIC_TO_DATE].read().drop("period_start")
    probabilities = ("probability_best", "probability_beats_control")
    if run.lake[POSTERIORS].exists:
        fitted = run.lake[POSTERIORS].read().where(f"window = 'to_date' AND metric <> '{METRIC}'")
        fitted = fitted.withColumn("segment", F.lit(EVERYBODY))
        keys = [*_KEYS, "metric", "segment", "users"]
        sums = sums.join(fitted.select(*keys, *probabilities), keys, "left")
    else:
        sums = sums.withColumns({name: F.lit(None).cast("double") for name in probabilities})
    each = F.struct(*(name for name in sums.columns if name not in _KEYS))
    return sums.groupBy(*_KEYS).agg(F.collect_list(each).alias("metrics"))


def _to_date_posteriors(posteriors: DataFrame) -> DataFrame:
    """Select posteriors with the counts they were computed from, so that a join drops those of other counts."""
    to_date = posteriors.where((F.col("window") == "to_date") & (F.col("metric") == METRIC))
    return to_date.select(*(name for name in _OF_POSTERIORS if name != "metric"))


def _day_facts(run: Run, version: int | None = None) -> DataFrame:
    """Return day, quarantined_share, calendar_day (the last day so far with a real share of the lake's users)."""
    if not run.lake[LAKE_DAILY].exists:
        return literal_rows(
            run.lake.session, [], {"day": "date", "quarantined_share": "double", "calendar_day": "date"}
        )
    days = run.lake[LAKE_DAILY].read(version)
    rows = F.col("events") + F.col("quarantined_rows")
    shares = days.select("day", (F.col("quarantined_rows") / rows).alias("quarantined_share"))
    last = literal_rows(run.lake.session, calendar(days).items(), {"day": "date", "calendar_day": "date"})
    return shares.join(F.broadcast(last), "day", "inner")


def _changed_since(run: Run, since: Since) -> FirstChange | None:
    """Compare the inputs with their versions at the last success; None when those can no longer be read."""
    try:
        changes = [
            _differences(run, contract, since.consumed.get(contract.full_name), since.now.get(contract.full_name))
            for contract in (*_COUNTS, METRIC_TO_DATE, POSTERIORS)
        ]
        changes.append(_days_with_changed_facts(run, since))
        frames = [frame for frame in changes if frame is not None]
        by_experiment = reduce(DataFrame.unionByName, frames).groupBy("experiment_name").agg(F.min("day").alias("day"))
        with translate_spark_errors("comparing the counts with those last judged"):
            rows = by_experiment.collect()
    except AbtestError:
        # An old version is vacuumed after a week: then everything is judged again, with the same result.
        return None
    return {row["experiment_name"]: row["day"] for row in rows}


def _differences(run: Run, contract: TableContract, before: int | None, after: int | None) -> DataFrame | None:
    """Return experiment_name, day of the rows of a table that differ between two versions."""
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
    """Return day, experiment_name and digest, a number that changes with the rows of the day."""
    used = rows.where("window = 'to_date'").select(*_OF_POSTERIORS) if contract is POSTERIORS else rows
    columns = [name for name in used.columns if name not in _DAY_KEYS]
    return used.groupBy(*_DAY_KEYS).agg(F.expr(f"bit_xor(xxhash64({', '.join(columns)}))").alias("digest"))


def _days_with_changed_facts(run: Run, since: Since) -> DataFrame | None:
    """Return experiment_name, day of stored verdicts on days whose facts about the lake have changed."""
    before, after = since.consumed.get(LAKE_DAILY.full_name), since.now.get(LAKE_DAILY.full_name)
    if before == after or before is None:
        return None
    limit = Rules().quarantine_warning
    sides = [
        _day_facts(run, version).select("day", F.struct(F.col("quarantined_share") > limit, "calendar_day").alias(name))
        for name, version in (("before", before), ("after", after))
    ]
    both = sides[0].join(sides[1], "day", "full").where(~F.col("before").eqNullSafe(F.col("after")))
    stored = run.lake[VERDICTS].read().where(f"NOT array_contains(reasons, '{_NO_DATA}')")
    return stored.join(F.broadcast(both), "day", "left_semi").select(*_DAY_KEYS)


def _with_since(rows: DataFrame, run: Run, since: FirstChange) -> DataFrame:
    changed = run.lake.session.createDataFrame(list(since.items()), "experiment_name string, since date")
    return rows.join(F.broadcast(changed), "experiment_name", "inner")


def _others(run: Run, stored: DataFrame, since: FirstChange, days: Iterable[date]) -> DataFrame:
    """Return the stored rows of some days that no change affects."""
    changed = run.lake.session.createDataFrame(list(since.items()), "experiment_name string, since date")
    on_days = stored.where(F.col("day").isin(list(days)))
    joined = on_days.join(F.broadcast(changed), "experiment_name", "left")
    return joined.where("since IS NULL OR day < since").select(*stored.columns)


def _absent(run: Run) -> list[Verdict]:
    """Return verdicts on registered experiments without data, for the days with data in the lake."""
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
    """Return the days on which the experiments without data differ from those in the stored verdicts."""
    if not run.registry.experiments:
        return set()
    rows = stored.where(f"array_contains(reasons, '{_NO_DATA}')").select(*_DAY_KEYS).collect()
    return {day for day, _ in {(v.day, v.experiment_name) for v in absent} ^ {(row[0], row[1]) for row in rows}}


def _absent_rows(run: Run, verdicts: Iterable[Verdict]) -> DataFrame:
    number = len(VERDICTS.columns)
    # Metric and segment come after the columns of the table; Spark Connect takes no tuple for an array.
    rows = [
        [list(item) if isinstance(item, tuple) else item for item in astuple(verdict)[:number]] for verdict in verdicts
    ]
    return run.lake.session.createDataFrame(rows, VERDICTS.ddl)


def _rows(judged: DataFrame, contract: TableContract) -> DataFrame:
    kind = VERDICT if contract is VERDICTS else COMPARISON
    return judged.where(F.col("kind") == kind).select(*contract.column_names)


def _notices(run: Run) -> tuple[str, ...]:
    """Warn if the registry names no experiment of the data: usually it is the wrong registry, or misspelt."""
    declared = sorted(run.registry.experiments)
    names = [row[0] for row in run.lake[EXPERIMENT_HEALTH].read().select("experiment_name").distinct().collect()]
    if not declared or not names or set(declared) & set(names):
        return ()
    pairs = [(name, close) for name in declared for close in get_close_matches(name, names, n=1, cutoff=0.6)]
    likely = "".join(f"; {one_line(name, 60)} is like {one_line(close, 60)}" for name, close in pairs[:_MOST_NAMES])
    shown = sorted(names)[:_MOST_NAMES]
    seen = ", ".join(one_line(name, 60) for name in shown) + (", …" if len(names) > len(shown) else "")
    registry = f"the registry {run.settings.registry or ''} names {len(declared):,} experiments"
    return (f"{registry}, and none of them is in the data, which holds {seen}{likely}",)


DECIDE = IncrementalStep("decide", (VERDICTS, COMPARISONS), DECLARED, _inputs, _rebuild, _extend, _notices)
"""Brings comparisons and verdicts up to date; days whose inputs did not change are left alone."""
