# Databricks notebook source
# MAGIC %md
# MAGIC # One experiment, taken apart
# MAGIC
# MAGIC From the counts of one experiment to its verdict, each number by the function that the pipeline uses. It reads a
# MAGIC lake (`NOTEBOOK_LAKE`, such as the folder `lake` that `01_tour` made, or `.demo/lake`) without Spark.

# COMMAND ----------

import os

import numpy as np
from deltalake import DeltaTable

from abtest_lib.bayes.export import conversion_draws
from abtest_lib.bayes.fit_config import FitConfig
from abtest_lib.bayes.groups import Arm, Group
from abtest_lib.bayes.plots import lift_figure, posterior_figure
from abtest_lib.bayes.priors import prior_by_name
from abtest_lib.contracts import COMPARISONS, EXPERIMENT_TO_DATE, VERDICTS
from abtest_lib.stats.chi_square import independence, sample_ratio
from abtest_lib.stats.power import Design, detectable_lift
from abtest_lib.verdict.compare import compare_arms
from abtest_lib.verdict.control import arm_order
from abtest_lib.verdict.reasons import sentence_of

lake = os.environ["NOTEBOOK_LAKE"]


def read(contract, **equal):
    """Rows of one table of the lake."""
    filters = [(column, "=", value) for column, value in equal.items()]
    return DeltaTable(contract.path(lake)).to_pyarrow_table(filters=filters or None).to_pylist()


# COMMAND ----------

# MAGIC %md
# MAGIC ## Which one?
# MAGIC `NOTEBOOK_EXPERIMENT` names it; else the valid one with the strongest statistic of the last day.

# COMMAND ----------

verdicts = read(VERDICTS)
day = max(row["day"] for row in verdicts)
valid = {row["experiment_name"] for row in verdicts if row["day"] == day and row["is_valid"]}
purchases = {"window": "to_date", "metric": "purchase", "segment": "all"}
compared = [row for row in read(COMPARISONS, day=day, **purchases) if row["experiment_name"] in valid]
strongest = max(compared, key=lambda row: abs(row["statistic"] or 0.0))
name = os.environ.get("NOTEBOOK_EXPERIMENT", strongest["experiment_name"])
verdict = next(row for row in verdicts if (row["day"], row["experiment_name"]) == (day, name))
print(f"{name} on {day}: {verdict['decision']} – {verdict['explanation']}")

# COMMAND ----------

# MAGIC %md
# MAGIC ## The counts

# COMMAND ----------

counted = read(EXPERIMENT_TO_DATE, day=day, experiment_name=name)
arms = sorted((row for row in counted if row["variant_id"] != "DEFAULT"), key=lambda row: arm_order(row["variant_id"]))
users = np.array([[row["users"] for row in arms]], dtype=float)
purchases = np.array([[row["purchases"] for row in arms]], dtype=float)
names = [row["variant_id"] for row in arms]
control = names.index(verdict["control_id"])
for row in arms:
    print(
        f"{row['variant_id']}: {row['purchases']:,} of {row['users']:,} bought, {row['purchases'] / row['users']:.2%}"
    )

# COMMAND ----------

# MAGIC %md
# MAGIC ## May the numbers be believed?
# MAGIC The sample-ratio test against an equal split; a registered split is what the pipeline takes.

# COMMAND ----------

ratio = sample_ratio(users[0], np.ones(len(names)))
print(f"sample ratio: p = {float(ratio.p_value):.4f}; published: {verdict['srm_status']}, {verdict['srm_p_value']}")

# COMMAND ----------

# MAGIC %md
# MAGIC ## The frequentist side
# MAGIC One look: differences to control with simultaneous intervals, and the omnibus chi-square. They agree with what
# MAGIC is published; the decision itself rests on the boundary, which allows for looking every day.

# COMMAND ----------

result = compare_arms(users, purchases, np.array([control]))
published = {row["variant_id"]: row for row in compared if row["experiment_name"] == name}
for place, arm in enumerate(names):
    if place == control:
        continue
    low, high = result.difference_lower[0, place], result.difference_upper[0, place]
    print(f"{arm}: {result.difference[0, place]:+.4f} ({low:+.4f} … {high:+.4f}), z = {result.statistic[0, place]:.3f}")
    print(f"   published z = {published[arm]['statistic']:.3f}, boundary {published[arm]['boundary']}")
    assert np.isclose(result.statistic[0, place], published[arm]["statistic"])
print(f"chi-square: p = {float(independence(purchases[0], users[0]).p_value):.4g}")

# COMMAND ----------

# MAGIC %md
# MAGIC ## The Bayesian side
# MAGIC Draws of each arm's conversion, and two figures (in a notebook, put `figure` on a line of its own).

# COMMAND ----------

arm_counts = tuple(Arm(row["variant_id"], row["users"], row["purchases"]) for row in arms)
group = Group("to_date", day.isoformat(), name, "purchase", arm_counts, control_id=verdict["control_id"])
draws = conversion_draws(group, FitConfig("exact", prior_by_name("exponential"), seed=1))
best = np.argmax(np.stack([draws[arm] for arm in names]), axis=0)
for place, arm in enumerate(names):
    print(f"{arm}: best with probability {(best == place).mean():.1%}")
figure = posterior_figure(draws, f"{name}: conversion to date")
figure
lifts = lift_figure(draws, verdict["control_id"])
lifts

# COMMAND ----------

# MAGIC %md
# MAGIC ## What could it still find?

# COMMAND ----------

baseline = float(purchases[0, control] / users[0, control])
smallest = detectable_lift(Design(baseline, len(names)), float(users.min()))
print("no lift at all" if smallest is None else f"with these users, a lift of {smallest:+.1%} is found 8 times of 10")
for code in verdict["reasons"]:
    print(f"{code}: {sentence_of(code)}")
