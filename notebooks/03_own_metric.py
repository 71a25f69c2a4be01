# Databricks notebook source
# MAGIC %md
# MAGIC # A metric of one's own
# MAGIC
# MAGIC The pipeline judges purchases. Any yes-or-no question about a person can be judged in the same way: count the
# MAGIC people of each arm and those who did it, and hand these counts to the same statistics. Here: who looked at a
# MAGIC product page after the first exposure? (`NOTEBOOK_LAKE` says which lake; `NOTEBOOK_EVENT` another event.)

# COMMAND ----------

import os

import numpy as np
from pyspark.sql import functions as F

from abtest_lib.bayes.fit import fit_groups
from abtest_lib.bayes.fit_config import FitConfig
from abtest_lib.bayes.groups import Arm, Group
from abtest_lib.bayes.priors import prior_by_name
from abtest_lib.config import load_settings
from abtest_lib.contracts import EVENTS, PARTICIPANTS
from abtest_lib.spark.session import build_session
from abtest_lib.verdict.compare import compare_arms
from abtest_lib.verdict.control import arm_order

lake = os.environ["NOTEBOOK_LAKE"]
event = os.environ.get("NOTEBOOK_EVENT", "PRODUCT")
spark = build_session(load_settings(), "abtest own metric")


def read(contract):
    """One table of the lake."""
    return spark.read.format("delta").load(contract.path(lake))


# COMMAND ----------

# MAGIC %md
# MAGIC ## The counts: all that Spark has to do
# MAGIC People who saw several arms are left out. A person counts once per experiment, and the event must not be older
# MAGIC than the exposure, or the arm cannot have caused it.

# COMMAND ----------

did = read(EVENTS).where(F.col("event_name") == event).groupBy("user_id").agg(F.max("timestamp").alias("last_done"))
is_converted = F.col("last_done") >= F.col("first_exposed_at")
counts = (
    read(PARTICIPANTS)
    .where(F.col("cross_exposed_at").isNull() & (F.col("variant_id") != "DEFAULT"))
    .join(did, "user_id", how="left")
    .groupBy("experiment_name", "variant_id")
    .agg(F.count("*").alias("users"), F.count(F.when(is_converted, True)).alias("converted"))
    .collect()
)

# COMMAND ----------

# MAGIC %md
# MAGIC ## The same statistics on other counts

# COMMAND ----------

by_experiment = {}
for row in counts:
    by_experiment.setdefault(row.experiment_name, []).append(row)
ordered = {
    name: sorted(rows, key=lambda row: arm_order(row.variant_id))
    for name, rows in sorted(by_experiment.items())
    if len(rows) > 1
}
groups = [
    Group(
        "to_date", "2021-08-01", name, f"did {event}",
        tuple(Arm(row.variant_id, row.users, row.converted) for row in rows), control_id=rows[0].variant_id,
    )
    for name, rows in ordered.items()
]  # fmt: skip
for posterior in fit_groups(groups, FitConfig("exact", prior_by_name("exponential"), seed=1)):
    rows = ordered[posterior.group.experiment_name]
    users, converted = (np.array([[getattr(row, key) for row in rows]], dtype=float) for key in ("users", "converted"))
    compared = compare_arms(users, converted, np.array([0]))
    print(f"{posterior.group.experiment_name} ({posterior.status}), control {rows[0].variant_id}")
    for place, arm in enumerate(posterior.arms):
        counted, z = rows[place], compared.statistic[0, place]
        mean = "" if arm.numbers is None else f", believed {arm.numbers.conversion_mean:.2%}"
        print(f"  {counted.variant_id}: {counted.converted:,} of {counted.users:,}{mean}, z = {z:.2f}")

# COMMAND ----------

# MAGIC %md
# MAGIC One look at many experiments and metrics finds something sooner or later. To *decide* on a metric, make it the
# MAGIC lake's `conversion_event` (`abtest run` with `ABTEST_CONVERSION_EVENT`): then boundaries, validity and verdict
# MAGIC apply to it.
