# Databricks notebook source
# MAGIC %md
# MAGIC # From raw events to a verdict
# MAGIC
# MAGIC Every table on the way, on a few generated days of an online marketplace whose true effects are known.
# MAGIC The notebook runs on Databricks, in Jupyter (through jupytext) and as `python notebooks/01_tour.py`.

# COMMAND ----------

import os
from datetime import date
from pathlib import Path
from tempfile import mkdtemp

from pyspark.sql import functions as F

from abtest_lib.config import load_settings
from abtest_lib.contracts import COMPARISONS, EVENTS, EXPERIMENT_TO_DATE, EXPOSURES, POSTERIORS, QUARANTINE, VERDICTS
from abtest_lib.lake.lake import Lake
from abtest_lib.pipeline.runner import run_pipeline
from abtest_lib.spark.session import build_session
from abtest_lib.traffic.catalog import DEFAULT_EXPERIMENTS
from abtest_lib.traffic.events import Traffic
from abtest_lib.traffic.generate import generate_traffic

# COMMAND ----------

# MAGIC %md
# MAGIC ## Traffic with a known truth
# MAGIC `NOTEBOOK_FOLDER` says where to keep events and lake, else a temporary folder is used;
# MAGIC `NOTEBOOK_USERS` makes the example larger. One row in fifty is spoilt on purpose.

# COMMAND ----------

folder = Path(os.environ.get("NOTEBOOK_FOLDER") or mkdtemp(prefix="abtest-"))
users = int(os.environ.get("NOTEBOOK_USERS", "3000"))
traffic = Traffic(users, 4, 7, date(2021, 8, 1), "UTC", DEFAULT_EXPERIMENTS, 0.02)
events = generate_traffic(traffic, folder / "events.csv", ".csv", lambda _day, _rows: None)
print(f"{events.rows:,} events in {folder}")

# COMMAND ----------

# MAGIC %md
# MAGIC ## The pipeline, in one call
# MAGIC On Databricks `build_session` gives back the session that is there. Running the cell again changes nothing: the
# MAGIC second time every row is a duplicate.

# COMMAND ----------

lake = str(folder / "lake")
settings = load_settings(overrides={"registry": events.registry, "fallback_variants": ["DEFAULT"], "engine": "exact"})
spark = build_session(settings, "abtest tour")
reports = run_pipeline(Lake(spark, lake), settings, str(folder / "events.csv"))
for report in reports:
    print(report)

# COMMAND ----------

# MAGIC %md
# MAGIC ## Bronze and quarantine
# MAGIC Every distinct event once; every rejected row once, with the rules that it broke.


# COMMAND ----------


def read(contract):
    """One table of the lake."""
    return spark.read.format("delta").load(contract.path(lake))


rejected = read(QUARANTINE)
print(f"{read(EVENTS).count():,} events, {rejected.count():,} rejected")
rejected.select(F.explode("failed_rules").alias("rule")).groupBy("rule").count().orderBy(F.desc("count")).show()

# COMMAND ----------

# MAGIC %md
# MAGIC ## Silver: one row per event × experiment
# MAGIC `flag_purchase` says whether the same person bought at that moment or later.

# COMMAND ----------

read(EXPOSURES).select("timestamp", "event_name", "experiment_name", "variant_id", "flag_purchase").show(5)

# COMMAND ----------

# MAGIC %md
# MAGIC ## Gold: a few counts are all that statistics see

# COMMAND ----------

last = read(VERDICTS).agg(F.max("day")).first()[0]
read(EXPERIMENT_TO_DATE).where(F.col("day") == last).orderBy("experiment_name", "variant_id").show(8)

# COMMAND ----------

# MAGIC %md
# MAGIC ## Beliefs, comparisons, verdicts

# COMMAND ----------

to_date = (F.col("day") == last) & (F.col("window") == "to_date")
read(POSTERIORS).where(to_date).select(
    "experiment_name", "variant_id", "conversion_mean", "probability_best", "expected_loss", "status"
).orderBy("experiment_name", "variant_id").show(8)
read(COMPARISONS).where(to_date).select("experiment_name", "variant_id", "difference", "statistic", "boundary").show(5)

verdicts = read(VERDICTS).where(F.col("day") == last).orderBy("experiment_name").collect()
for verdict in verdicts:
    print(f"{verdict.experiment_name}: {verdict.decision} – {verdict.explanation}")

# COMMAND ----------

# MAGIC %md
# MAGIC The next notebook takes one experiment apart; the third one adds a metric of one's own.
