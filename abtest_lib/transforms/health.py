"""How many people an experiment has, and how many saw several arms."""

from datetime import date

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from abtest_lib.transforms.cases import by_value


def people_changes(groups: DataFrame) -> DataFrame:
    """Count, for each day, the people who are new and those who see a second arm.

    Args:
        groups: The result of `group_participants`; all the rows of each experiment × user among them.

    Returns:
        experiment_name, day, new_people, newly_crossed.
    """
    is_alone = F.col("user_id").isNull()
    alone = {f"alone_{day}": F.when(is_alone, F.col(day)) for day in ("entered", "crossed")}
    # The earliest instant decides: a clock that goes back over midnight gives a later one an earlier day.
    grouped = groups.withColumns(alone).groupBy("experiment_name", "user_id", *alone)
    people = grouped.agg(
        F.min_by("entered", "first_exposed_at").alias("first_entered"),
        F.min("crossed").alias("crossed"),
        F.sum("people").alias("everybody"),
    ).withColumns(
        {
            "entered": F.coalesce("alone_entered", "first_entered"),
            "people": F.when(is_alone, F.col("everybody")).otherwise(F.lit(1)),
        }
    )
    each = people.select("*", F.explode(F.array(F.lit("entered"), F.lit("crossed"))).alias("change"))
    day = by_value("change", {"entered": F.col("entered"), "crossed": F.col("crossed")})
    new_people = F.when(F.col("change") == "entered", F.col("people")).otherwise(0)
    newly_crossed = F.when(F.col("change") == "crossed", F.col("people")).otherwise(0)
    flat = each.select(
        "experiment_name", day.alias("day"), new_people.alias("new_people"), newly_crossed.alias("newly_crossed")
    )
    return (
        flat.where("day IS NOT NULL")
        .groupBy("experiment_name", "day")
        .agg(F.sum("new_people").alias("new_people"), F.sum("newly_crossed").alias("newly_crossed"))
    )


def health(changes: DataFrame, daily_people: DataFrame, other_days: DataFrame, since: date | None) -> DataFrame:
    """Compute the rows of gold/experiment_health.

    Args:
        changes: The result of `people_changes`; a row may hold the sum up to its day, and then counts nothing for the
            day itself.
        daily_people: day, experiment_name, participants, over the whole history.
        other_days: As `as_of_days` takes them; nobody may have been exposed on these days.
        since: The first day wanted, or None for all.

    Returns:
        The columns of the contract.
    """
    so_far = (
        Window.partitionBy("experiment_name").orderBy("day").rangeBetween(Window.unboundedPreceding, Window.currentRow)
    )
    none = F.lit(None).cast("bigint")
    nobody = other_days.select("experiment_name", "day", F.lit(0).cast("bigint").alias("participants"))
    exposed = daily_people.select("experiment_name", "day", "participants")
    present = exposed.unionByName(nobody).withColumns({"new_people": none, "newly_crossed": none})
    changed = changes.select("experiment_name", "day", none.alias("participants"), "new_people", "newly_crossed")
    by_day = present.unionByName(changed).repartition("experiment_name").groupBy("experiment_name", "day")
    joined = by_day.agg(*(F.sum(name).alias(name) for name in ("participants", "new_people", "newly_crossed")))
    summed = joined.withColumns(
        {
            "participants_to_date": F.coalesce(F.sum("new_people").over(so_far), F.lit(0)),
            "cross_exposed_users_to_date": F.coalesce(F.sum("newly_crossed").over(so_far), F.lit(0)),
            "cross_exposed_users": F.coalesce("newly_crossed", F.lit(0)).cast("bigint"),
            "first_day": F.min(F.when(F.col("participants") > 0, F.col("day"))).over(
                Window.partitionBy("experiment_name")
            ),
        }
    )
    rows = summed.where("participants IS NOT NULL AND first_day <= day")
    if since is not None:
        rows = rows.where(F.col("day") >= F.lit(since))
    return rows.withColumn("days_running", (F.datediff("day", "first_day") + 1).cast("bigint"))
