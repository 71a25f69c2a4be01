# Databricks notebook source
# MAGIC %md
# MAGIC # The results of a lake, and counts at hand
# MAGIC
# MAGIC What an analyst needs most days, without Spark. It reads a lake (`NOTEBOOK_LAKE`, such as the folder `lake` that
# MAGIC `01_tour` makes, or `.demo/lake`). `docs/python.md` explains more.

# COMMAND ----------

import os

from abtest_lib import analyze, open_lake

lake = open_lake(os.environ["NOTEBOOK_LAKE"])

# COMMAND ----------

# MAGIC %md
# MAGIC ## Every experiment
# MAGIC The latest verdict of each, those to act on first. Put `experiments` on a line of its own to see it as a table.

# COMMAND ----------

experiments = lake.experiments()
print(experiments)

# COMMAND ----------

# MAGIC %md
# MAGIC ## One experiment
# MAGIC `NOTEBOOK_EXPERIMENT` names it; else the first of the list.

# COMMAND ----------

result = lake.result(os.environ.get("NOTEBOOK_EXPERIMENT", experiments[0].name))
print(result)
figure = result.plot()
frame = result.to_pandas()
figure

# COMMAND ----------

# MAGIC %md
# MAGIC ## Counts that are in no lake
# MAGIC Users and conversions of each arm: what would a planned, and what an unplanned experiment conclude?

# COMMAND ----------

analysis = analyze({"A": (1000, 50), "B": (1000, 70)}, control="A", split=[0.5, 0.5])
print(analysis)
