"""gold counts and sums → gold/posteriors: the posterior of every arm, day by day and to date."""

import math
from collections.abc import Sequence
from datetime import date
from functools import partial, reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from abtest_lib.bayes.engines import mcmc, mcmc_normal
from abtest_lib.bayes.fit_config import FitConfig
from abtest_lib.bayes.groups import SEED_DIGITS
from abtest_lib.bayes.priors import prior_by_name
from abtest_lib.bayes.spark_udf import SUMS, fit_partition
from abtest_lib.bayes.version import MODEL_VERSION, NORMAL_VERSION
from abtest_lib.contracts import EXPERIMENT_DAILY, EXPERIMENT_TO_DATE, METRIC_TO_DATE, POSTERIORS, TableContract
from abtest_lib.contracts.enums import Direction, Engine
from abtest_lib.errors import LakeError
from abtest_lib.lake.delta_log import Commit
from abtest_lib.metrics import PURCHASE
from abtest_lib.pipeline.run import Run, fingerprint
from abtest_lib.pipeline.step import IncrementalStep, Inputs, Since
from abtest_lib.spark.concurrency import start_in_background
from abtest_lib.transforms.participants import is_fallback
from abtest_lib.transforms.stray_arms import stray_arms
from abtest_lib.verdict.control import choose_control, declared_first

BELIEFS = "beliefs"
"""The name under which ops/runs remembers a fingerprint of the settings and declarations that posteriors depend on."""

_GROUP = ("window", "metric", "day", "experiment_name")
_COUNTS = (EXPERIMENT_DAILY, EXPERIMENT_TO_DATE)
_OTHER_ENGINE = {"mcmc": "exact", "exact": "mcmc"}
_MIN_ARMS = 2
_SAID = {"failed": "without a posterior"}
_GROUPS_PER_TASK = 256
"""Compiling takes a worker as long as fitting some hundreds of groups."""


def _inputs(run: Run) -> Inputs:
    tables = (*_COUNTS, METRIC_TO_DATE) if _has_metrics(run) else _COUNTS
    return {contract.full_name: _version(run, contract) for contract in tables} | {BELIEFS: _fingerprint(run)}


def _has_metrics(run: Run) -> bool:
    return bool(run.catalogue.own) and run.lake[METRIC_TO_DATE].exists


def _config(run: Run) -> FitConfig:
    settings = run.settings
    prior = prior_by_name(settings.prior)
    return FitConfig(settings.engine.value, prior, settings.seed, settings.metrics_engine.value)


def warm_up(run: Run) -> None:
    """Prepare the inference engine in the background if it runs in this process: its start takes seconds."""
    if not run.lake.runs_python_here:
        return
    if run.settings.engine is Engine.MCMC:
        start_in_background(mcmc.warm_up)
    if run.catalogue.own and run.settings.metrics_engine is Engine.MCMC:
        start_in_background(mcmc_normal.warm_up)


def _rebuild(run: Run) -> Sequence[Commit]:
    """Fit every group on a full refresh, otherwise those whose numbers would change."""
    if not run.full_refresh and run.lake[POSTERIORS].exists:
        return _extend(run)
    groups = _groups(run)
    return [run.lake[POSTERIORS].overwrite(_fit(groups, groups.count(), _config(run)))]


def _extend(run: Run, _: Since | None = None) -> Sequence[Commit]:
    """Fit the groups that changed, and replace their days; rows of unchanged groups are kept."""
    plan, groups, stored = _config(run), _groups(run), run.lake[POSTERIORS].read()
    compared = _compare(groups, stored, plan)
    by_day = compared.where("is_changed OR is_gone").groupBy("day").agg(F.count_if("is_changed").alias("changed"))
    touched: dict[date, int] = {row["day"]: row["changed"] for row in by_day.collect()}
    if not touched:
        return ()
    changed = compared.where("is_changed").select(*groups.columns)
    kept = compared.where("NOT is_changed AND NOT is_gone").select(*_GROUP)
    still_true = stored.where(F.col("day").isin(list(touched))).join(kept, list(_GROUP), "left_semi")
    fitted = _fit(changed, sum(touched.values()), plan)
    return [run.lake[POSTERIORS].replace_days(fitted.unionByName(still_true), list(touched))]


def _groups(run: Run) -> DataFrame:
    """Return one row per group to fit: its keys, control_id, direction, seed, and arms by name.

    An arm is a struct of variant_id, users and purchases; where there is a catalogue also of the sums of its metrics.
    """
    daily, to_date = (
        _arms(run, contract, window) for contract, window in zip(_COUNTS, ("day", "to_date"), strict=True)
    )
    frames, numbers = [daily, to_date], ["users", "purchases"]
    if _has_metrics(run):
        frames, numbers = [*frames, _metric_arms(run)], [*numbers, *SUMS]
    stray = stray_arms(to_date, run.registry.experiments.values())
    keys = ["day", "experiment_name", "variant_id"]
    arms = reduce(partial(DataFrame.unionByName, allowMissingColumns=True), frames)
    taking_part = arms.join(F.broadcast(stray), keys, "left_anti")
    arm = F.struct("variant_id", *numbers)
    inputs = F.sort_array(F.collect_list(F.col("inputs").cast("string"))).alias("inputs")
    grouped = taking_part.groupBy(*_GROUP).agg(F.sort_array(F.collect_list(arm)).alias("arms"), inputs)
    with_seed = grouped.select(*_GROUP, "arms", _direction(run).alias("direction"), _seed(run).alias("seed"))
    return with_seed.join(F.broadcast(_controls(run, to_date)), "experiment_name", "left")


def _arms(run: Run, contract: TableContract, window: str) -> DataFrame:
    rows = run.lake[contract].read()
    rows = rows.where(~is_fallback(run.settings.fallback_variants, run.fallback_by_experiment))
    named = F.lit(window).alias("window"), F.lit(PURCHASE).alias("metric"), F.lit(None).cast("bigint").alias("inputs")
    return rows.select(*named, "day", "experiment_name", "variant_id", "users", "purchases")


def _metric_arms(run: Run) -> DataFrame:
    """Return the arms of the catalogue's metrics with their sums, and `inputs`, a hash of what they are fitted from."""
    rows = run.lake[METRIC_TO_DATE].read()
    rows = rows.where(~is_fallback(run.settings.fallback_variants, run.fallback_by_experiment))
    is_own = (F.col("segment") == "all") & F.col("metric").isin([metric.name for metric in run.catalogue.own])
    # A hash skips what is NULL: without the kinds of sums, a ratio's could be taken for a covariate's.
    kinds = [F.col(name).isNull() for name in ("sum_y", "sum_c")]
    inputs = F.xxhash64("variant_id", "users", *SUMS, *kinds, _direction(run)).alias("inputs")
    keys = F.lit("to_date").alias("window"), "metric", "day", "experiment_name", "variant_id"
    return rows.where(is_own).select(*keys, "users", F.lit(None).cast("bigint").alias("purchases"), *SUMS, inputs)


def _direction(run: Run) -> Column:
    down = [metric.name for metric in run.catalogue.own if metric.direction == Direction.DOWN]
    return F.when(F.col("metric").isin(down), Direction.DOWN.value).otherwise(Direction.UP.value)


def _controls(run: Run, to_date: DataFrame) -> DataFrame:
    """Return experiment_name, control_id; the first day with two arms fixes it, so that no later arm replaces it."""
    by_day = to_date.groupBy("experiment_name", "day").agg(F.sort_array(F.collect_set("variant_id")).alias("seen"))
    is_enough = F.size("seen") >= _MIN_ARMS
    first_pair = F.min_by("seen", F.when(is_enough, F.col("day")))
    seen = by_day.groupBy("experiment_name").agg(F.coalesce(first_pair, F.max_by("seen", "day")).alias("seen"))
    rows = [(row["experiment_name"], _control(run, row["experiment_name"], row["seen"])) for row in seen.collect()]
    schema = "experiment_name string, control_id string"
    return run.lake.session.createDataFrame(rows, schema)


def _control(run: Run, experiment: str, seen: list[str]) -> str | None:
    declared = run.registry.get(experiment)
    if declared is not None and declared.control is not None:
        return declared.control
    return choose_control(declared_first(seen, declared), None, run.settings.control_names).variant_id


def _compare(groups: DataFrame, stored: DataFrame, plan: FitConfig) -> DataFrame:
    """Compare the wanted groups with the stored ones: `is_changed` must be fitted, `is_gone` must be dropped."""
    is_control = F.coalesce(F.col("variant_id") == F.col("control_id"), F.lit(False)).alias("is_control")
    # Metrics of the catalogue have no purchases; engines differ in whether two structs with a NULL are equal.
    purchases = F.coalesce("purchases", F.lit(-1)).alias("purchases")
    arm = F.struct("variant_id", "users", purchases, is_control)
    listed = groups.select("*", F.explode("arms").alias("arm")).select(*_GROUP, "control_id", "arm.*")
    wanted = listed.groupBy(*_GROUP).agg(F.sort_array(F.collect_list(arm)).alias("wanted"))
    columns = F.struct("variant_id", "users", purchases, "is_control")
    by_group = stored.groupBy(*_GROUP)
    fitted = by_group.agg(
        F.sort_array(F.collect_list(columns)).alias("fitted"),
        _is_current(plan).alias("is_current"),
        F.sort_array(F.collect_set("seed")).alias("seeds"),
    )
    joined = groups.join(wanted, list(_GROUP)).join(fitted, list(_GROUP), "full")
    has_seed = F.col("seeds") == F.array("seed")
    is_same = F.col("is_current") & has_seed & (F.col("wanted") == F.col("fitted"))
    return joined.withColumns(
        {
            "is_gone": F.col("wanted").isNull(),
            "is_changed": F.col("wanted").isNotNull() & ~F.coalesce(is_same, F.lit(False)),
        }
    )


def _is_current(plan: FitConfig) -> Column:
    """Return whether a group's stored rows come from this plan's prior, engine and model; an aggregate."""
    is_refitted = F.bool_or(F.col("status") == "refitted")
    own, of_metrics = (_engine_of(config, is_refitted) for config in (plan, plan.for_metrics))
    wanted_engine = F.when(F.col("metric") == PURCHASE, own).otherwise(of_metrics)
    is_engine = (F.min("engine") == wanted_engine) & (F.max("engine") == wanted_engine)
    is_model = (F.col("prior") == plan.prior.name) & (F.col("model_version") == _model_version())
    return is_engine & F.bool_and(F.coalesce(is_model, F.lit(False)))


def _engine_of(config: FitConfig, is_refitted: Column) -> Column:
    engine = config.effective_engine
    return F.when(is_refitted, F.lit(_OTHER_ENGINE[engine])).otherwise(F.lit(engine))


def _model_version() -> Column:
    return F.when(F.col("metric") == PURCHASE, MODEL_VERSION).otherwise(NORMAL_VERSION)


def _seed(run: Run) -> Column:
    """Compute `Group.seed` in SQL.

    The seed of a catalogue's metric also depends on the sums of its arms: the stored seed says what was fitted.
    """
    fixed = [F.lit(str(run.settings.seed)), F.col("window"), F.col("day").cast("string"), F.col("metric")]
    # Without arms' hashes there is an empty list: its elements, of which there are none, add nothing to the text.
    text = F.concat_ws("|", *fixed, _model_version(), "experiment_name", "inputs")
    return F.conv(F.substring(F.sha2(text, 256), 1, SEED_DIGITS), 16, 10).cast("bigint")


def _fit(groups: DataFrame, count: int, plan: FitConfig) -> DataFrame:
    # An explicit number: adaptive execution would put everything, being small in bytes, on one core.
    tasks = max(1, math.ceil(count / _GROUPS_PER_TASK))
    # The two models are fitted in batches of their own.
    spread = groups.repartition(tasks, *_GROUP).sortWithinPartitions(F.col("metric") == PURCHASE)
    return spread.mapInArrow(partial(fit_partition, config=plan), POSTERIORS.ddl)


def _version(run: Run, contract: TableContract) -> int:
    version = run.lake[contract].version
    if version is None:
        raise LakeError(f"lake {run.lake} has no {contract.full_name}: run aggregate_gold first")
    return version


def _fingerprint(run: Run) -> int:
    controls = {name: item.control for name, item in run.registry.experiments.items() if item.control is not None}
    fallback = sorted(run.settings.fallback_variants), sorted(run.fallback_by_experiment.items())
    splits = sorted((name, item.allocations) for name, item in run.registry.experiments.items() if item.allocations)
    declared = (_config(run), MODEL_VERSION, sorted(controls.items()), run.settings.control_names, fallback, splits)
    # Without a catalogue the fingerprint is what it was before there were catalogues.
    own = (NORMAL_VERSION, run.catalogue.own) if run.catalogue.own else ()
    return fingerprint((*declared, *own))


def _notices(run: Run) -> tuple[str, ...]:
    stored = run.lake[POSTERIORS].read().where("status <> 'ok'")
    marked = stored.select(*_GROUP, "status", "reason").distinct().groupBy("status", "reason").count()
    rows = marked.orderBy(F.col("count").desc(), "reason").limit(3).collect()
    return tuple(
        f"{_in_words(row['count'])} {_SAID.get(row['status'], row['status'])}: {row['reason']}" for row in rows
    )


def _in_words(number: int) -> str:
    return "1 group" if number == 1 else f"{number:,} groups"


FIT_BAYES = IncrementalStep("fit_bayes", (POSTERIORS,), BELIEFS, _inputs, _rebuild, _extend, _notices)
"""Brings the posteriors up to date with the counts; groups whose numbers would not change are left alone."""
