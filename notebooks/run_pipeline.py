# Databricks notebook source
# MAGIC %md
# MAGIC # Raw events to verdicts
# MAGIC The whole pipeline on one lake, as `abtest run` does it, and then the verdicts. Running again is safe: the same
# MAGIC events twice change nothing.
# MAGIC
# MAGIC `input`, `lake` and `profile` are the notebook's widgets, the parameters of its job, or, outside Databricks, the
# MAGIC environment variables `ABTEST_INPUT`, `ABTEST_LAKE` and `ABTEST_PROFILE`.

# COMMAND ----------

import os


def parameter(name: str, default: str = "") -> str:
    """A widget's value on Databricks, an environment variable elsewhere."""
    value = os.environ.get(f"ABTEST_{name.upper()}", default)
    if "dbutils" not in globals():
        return value
    widgets = globals()["dbutils"].widgets
    widgets.text(name, value)
    return str(widgets.get(name))


lake = parameter("lake", "./lake")
profile = parameter("profile", "databricks" if "DATABRICKS_RUNTIME_VERSION" in os.environ else "local")

# COMMAND ----------

# MAGIC %md ## Run
# MAGIC Without an input the tables are brought up to date with the events that the lake holds already.

# COMMAND ----------

from abtest_lib.config import load_settings
from abtest_lib.lake.lake import Lake
from abtest_lib.pipeline.runner import run_pipeline
from abtest_lib.spark.session import build_session

settings = load_settings(profile)
session = build_session(settings, "abtest notebook")
reports = run_pipeline(Lake(session, lake), settings, parameter("input") or None)
for report in reports:
    print(f"{report.job:18} {report.seconds:7.1f} s  {report.rows_written:>10,} rows written")

# COMMAND ----------

# MAGIC %md ## The verdicts of the last day

# COMMAND ----------

from abtest_lib.contracts import VERDICTS

verdicts = session.read.format("delta").load(VERDICTS.path(lake))
last_day = verdicts.agg({"day": "max"})
latest = verdicts.join(last_day, verdicts["day"] == last_day["max(day)"]).orderBy("experiment_name")
latest.select("experiment_name", "decision", "winner", "is_valid", "explanation").show(50, truncate=False)
