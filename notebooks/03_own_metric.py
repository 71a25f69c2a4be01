# Databricks notebook source
# MAGIC %md
# MAGIC # A metric of one's own
# MAGIC
# MAGIC A metric is a line of YAML: who looked at a product page after the first exposure, and how many searches does an
# MAGIC order take? `NOTEBOOK_LAKE` names the lake; the run brings its tables up to date with the new catalogue.

# COMMAND ----------

import os
from pathlib import Path
from tempfile import mkdtemp

from pyspark.sql import functions as F

from abtest_lib.config import load_settings
from abtest_lib.contracts import COMPARISONS, METRIC_TO_DATE
from abtest_lib.lake.lake import Lake
from abtest_lib.pipeline.runner import run_pipeline
from abtest_lib.spark.session import build_session

lake = os.environ["NOTEBOOK_LAKE"]
catalogue = Path(mkdtemp(prefix="abtest-")) / "metrics.yaml"

# COMMAND ----------

# MAGIC %md
# MAGIC ## The catalogue
# MAGIC `docs/metrics.md` explains types, windows, caps and covariates.

# COMMAND ----------

catalogue.write_text("""
metrics:
  product_viewers: {type: conversion, events: PRODUCT}
  searches_per_order: {type: ratio, numerator: {count: SEARCH}, denominator: {count: BUY}, direction: down}
""")

# COMMAND ----------

# MAGIC %md
# MAGIC ## The run
# MAGIC The other settings must be those of the lake; a run with others says so.

# COMMAND ----------

settings = load_settings(overrides={"metrics": catalogue, "fallback_variants": ["DEFAULT"], "engine": "exact"})
spark = build_session(settings, "abtest own metric")
reports = run_pipeline(Lake(spark, lake), settings, None)

# COMMAND ----------

# MAGIC %md
# MAGIC ## Sums in gold, and what the statistics make of them

# COMMAND ----------


def read(contract):
    """One table of the lake."""
    return spark.read.format("delta").load(contract.path(lake))


last = read(METRIC_TO_DATE).agg(F.max("day")).first()[0]
is_all = (F.col("day") == last) & (F.col("segment") == "all")
sums = read(METRIC_TO_DATE).where(is_all).orderBy("experiment_name", "metric", "variant_id")
sums.select("experiment_name", "metric", "variant_id", "users", "sum_x", "sum_xx", "sum_y").show(9)

is_to_date = is_all & (F.col("window") == "to_date")
compared = read(COMPARISONS).where(is_to_date).orderBy("experiment_name", "metric", "variant_id").collect()
for row in compared:
    lift = "no lift" if row.lift is None else f"{row.lift:+.1%}"
    print(f"{row.experiment_name}, {row.metric}: {row.variant_id} against {row.control_id} {lift}, {row.status}")

# COMMAND ----------

# MAGIC %md
# MAGIC Nothing is decided by these metrics: their role is `observed`. In the registry an experiment names its goals and
# MAGIC guardrails, and then the verdict depends on them:
# MAGIC
# MAGIC `search/new-ranking: {goals: [product_viewers], guardrails: {searches_per_order: {margin: 2%}}}`
