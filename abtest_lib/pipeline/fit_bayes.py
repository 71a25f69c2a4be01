"""gold counts → gold/posteriors: the posterior of every arm, day by day and to date."""

import math
from collections.abc import Sequence
from datetime import date
from functools import partial

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from abtest_lib.bayes.engines import mcmc
from abtest_lib.bayes.fit_config import FitConfig
from abtest_lib.bayes.groups import SEED_DIGITS
from abtest_lib.bayes.priors import prior_by_name
from abtest_lib.bayes.spark_udf import fit_partition
from abtest_lib.bayes.version import MODEL_VERSION
from abtest_lib.contracts import EXPERIMENT_DAILY, EXPERIMENT_TO_DATE, POSTERIORS, TableContract
from abtest_lib.contracts.enums import Engine
from abtest_lib.errors import LakeError
from abtest_lib.lake.delta_log import Commit
from abtest_lib.pipeline.run import Run, fingerprint
from abtest_lib.pipeline.step import IncrementalStep, Inputs, Since
from abtest_lib.spark.concurrency import start_in_background
from abtest_lib.transforms.participants import is_fallback
from abtest_lib.transforms.stray_arms import stray_arms
from abtest_lib.verdict.control import choose_control, declared_first

BELIEFS = "beliefs"
"""The name under which ops/runs remembers a fingerprint of the settings and declarations that posteriors depend on."""

METRIC = "purchase"
_GROUP = ("window", "metric", "day", "experiment_name")
_COUNTS = (EXPERIMENT_DAILY, EXPERIMENT_TO_DATE)
_OTHER_ENGINE = {"mcmc": "exact", "exact": "mcmc"}
_MIN_ARMS = 2
_SAID = {"failed": "without a posterior"}
_GROUPS_PER_TASK = 256
"""Compiling takes a worker as long as fitting some hundreds of groups."""


def _inputs(run: Run) -> Inputs:
    return {contract.full_name: _version(run, contract) for contract in _COUNTS} | {BELIEFS: _fingerprint(run)}


def _config(run: Run) -> FitConfig:
    return FitConfig(run.settings.engine.value, prior_by_name(run.settings.prior), run.settings.seed)


def warm_up(run: Run) -> None:
    """Prepare the inference engine in the background if it runs in this process: its start takes seconds."""
    if run.settings.engine is Engine.MCMC and run.lake.runs_python_here:
        start_in_background(mcmc.warm_up)


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
    """Return one row per group to fit: its keys, control_id, and arms (variant_id, users, purchases) by name."""
    daily, to_date = (
        _arms(run, contract, window) for contract, window in zip(_COUNTS, ("day", "to_date"), strict=True)
    )
    stray = stray_arms(to_date, run.registry.experiments.values())
    keys = ["day", "experiment_name", "variant_id"]
    taking_part = daily.unionByName(to_date).join(F.broadcast(stray), keys, "left_anti").select(*to_date.columns)
    arm = F.struct("variant_id", "users", "purchases")
    grouped = taking_part.groupBy(*_GROUP).agg(F.sort_array(F.collect_list(arm)).alias("arms"))
    return grouped.join(F.broadcast(_controls(run, to_date)), "experiment_name", "left")


def _arms(run: Run, contract: TableContract, window: str) -> DataFrame:
    rows = run.lake[contract].read()
    rows = rows.where(~is_fallback(run.settings.fallback_variants, run.fallback_by_experiment))
    columns = [F.col(name) for name in ("day", "experiment_name", "variant_id", "users", "purchases")]
    return rows.select(F.lit(window).alias("window"), F.lit(METRIC).alias("metric"), *columns)


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
    arm = F.struct("variant_id", "users", "purchases", is_control)
    listed = groups.select("*", F.explode("arms").alias("arm")).select(*_GROUP, "control_id", "arm.*")
    wanted = listed.groupBy(*_GROUP).agg(F.sort_array(F.collect_list(arm)).alias("wanted"))
    columns = F.struct("variant_id", "users", "purchases", "is_control")
    by_group = stored.groupBy(*_GROUP)
    fitted = by_group.agg(F.sort_array(F.collect_list(columns)).alias("fitted"), _is_current(plan).alias("is_current"))
    joined = groups.join(wanted, list(_GROUP)).join(fitted, list(_GROUP), "full")
    is_same = F.col("is_current") & (F.col("wanted") == F.col("fitted"))
    return joined.withColumns(
        {
            "is_gone": F.col("wanted").isNull(),
            "is_changed": F.col("wanted").isNotNull() & ~F.coalesce(is_same, F.lit(False)),
        }
    )


def _is_current(plan: FitConfig) -> Column:
    """Return whether a group's stored rows come from this plan's prior, engine, seed and model; an aggregate."""
    engine, other = F.lit(plan.effective_engine), F.lit(_OTHER_ENGINE[plan.effective_engine])
    wanted_engine = F.when(F.bool_or(F.col("status") == "refitted"), other).otherwise(engine)
    is_engine = (F.min("engine") == wanted_engine) & (F.max("engine") == wanted_engine)
    is_model = (F.col("prior") == plan.prior.name) & (F.col("model_version") == MODEL_VERSION)
    is_drawn_alike = F.bool_and(F.coalesce(is_model & (F.col("seed") == _seed(plan.seed)), F.lit(False)))
    return is_engine & is_drawn_alike


def _seed(base: int) -> Column:
    """Compute `Group.seed` in SQL."""
    fixed = [F.lit(str(base)), F.col("window"), F.col("day").cast("string"), F.col("metric"), F.lit(MODEL_VERSION)]
    digits = F.substring(F.sha2(F.concat_ws("|", *fixed, "experiment_name"), 256), 1, SEED_DIGITS)
    return F.conv(digits, 16, 10).cast("bigint")


def _fit(groups: DataFrame, count: int, plan: FitConfig) -> DataFrame:
    # An explicit number: adaptive execution would put everything, being small in bytes, on one core.
    tasks = max(1, math.ceil(count / _GROUPS_PER_TASK))
    spread = groups.repartition(tasks, *_GROUP)
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
    return fingerprint(
        (_config(run), MODEL_VERSION, sorted(controls.items()), run.settings.control_names, fallback, splits)
    )


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
