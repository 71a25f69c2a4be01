"""Participants who count, under the cross-exposure policy."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from abtest_lib.contracts.enums import CrossExposed
from abtest_lib.transforms.days import day_of
from abtest_lib.transforms.participants import variant_order

ENROLLED = ("experiment_name", "variant_id", "user_id", "first_exposed_at", "entered")
LEFT = "left"


def enrolled_users(participants: DataFrame, policy: CrossExposed, fallback: Column, timezone: str) -> DataFrame:
    """Return the variant in which each user counts, as `to_date.enrolments` does for groups of users.

    Args:
        participants: All rows of silver/participants.
        policy: Under `first` and `exclude` a user belongs to the first arm seen, under `include` to each.
        fallback: Whether a variant means "not assigned": its row counts everybody who was exposed to it.
        timezone: The reporting time zone.

    Returns:
        The columns of ENROLLED, the first exposure and its day among them; under `exclude` also LEFT, the day on which
        the user saw a second arm, NULL if never.
    """
    crossed = F.when(~fallback, day_of("cross_exposed_at", timezone))
    rows = participants.withColumns({"entered": day_of("first_exposed_at", timezone), "crossed": crossed})
    if policy is CrossExposed.INCLUDE:
        return rows.select(*ENROLLED)
    # A clock that goes back over midnight may give what follows an earlier day.
    rows = rows.withColumn(LEFT, F.when(F.col("crossed").isNotNull(), F.greatest("crossed", "entered")))
    by_user = Window.partitionBy("experiment_name", "user_id").orderBy("first_exposed_at", *variant_order())
    first_arm = rows.where("crossed IS NOT NULL").withColumn("place", F.row_number().over(by_user)).where("place = 1")
    counted = rows.where("crossed IS NULL").unionByName(first_arm.drop("place"))
    return counted.select(*ENROLLED, LEFT) if policy is CrossExposed.EXCLUDE else counted.select(*ENROLLED)
