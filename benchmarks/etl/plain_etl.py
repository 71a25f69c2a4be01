"""The plain way to do it: infer the schema, count what is wrong, sort every layer, and count distinct users at the end.

Nobody would call any single line of it a mistake, and a first version of such a job looks like this. It has none of
the project's to-date tables, no quarantine and no second run: every table is overwritten.

    python benchmarks/etl/plain_etl.py EVENTS.csv OUTPUT_FOLDER TIME_ZONE
"""

import json
import sys
import time

from delta import configure_spark_with_delta_pip
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

FIELDS = ["user_id", "timestamp", "event_name", "item_id", "site", "experiments"]


def session() -> SparkSession:
    """A local session with Delta's defaults."""
    builder = (
        SparkSession.builder.master("local[*]")
        .config("spark.driver.memory", "6g")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.ansi.enabled", "false")
        .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
        .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
    )
    return configure_spark_with_delta_pip(builder).getOrCreate()


def save(frame: DataFrame, path: str) -> DataFrame:
    """Overwrite a table and read it back."""
    frame.write.format("delta").mode("overwrite").option("overwriteSchema", "true").save(path)
    return frame.sparkSession.read.format("delta").load(path)


def validate(raw: DataFrame) -> None:
    """One count after the other."""
    for name in ("user_id", "event_name", "timestamp", "experiments"):
        raw.where(F.col(name).isNull()).count()
    raw.where(F.to_timestamp("timestamp").isNull()).count()
    raw.groupBy(FIELDS).count().where("count > 1").count()
    raw.select(FIELDS).distinct().where(~F.col("experiments").rlike(r"\w+=\w+")).count()


def bronze_to_silver(bronze: DataFrame) -> DataFrame:
    """Flag by a window over each user, then explode."""
    later = Window.partitionBy("user_id").orderBy("timestamp").rowsBetween(0, Window.unboundedFollowing)
    is_purchase = (F.col("event_name") == "BUY").cast("int")
    flagged = bronze.withColumn("flag_purchase", F.max(is_purchase).over(later) == 1)
    pairs = F.split(F.regexp_replace("experiments", "[{}]", ""), ", ")
    exploded = flagged.withColumn("pair", F.explode(pairs)).drop("experiments")
    named = exploded.withColumns({"experiment_name": F.split("pair", "=")[0], "variant_id": F.split("pair", "=")[1]})
    return named.drop("pair").orderBy("user_id", "timestamp")


def silver_to_gold(silver: DataFrame, keys: list[str], timezone: str) -> DataFrame:
    """Distinct users and buyers on the exploded rows."""
    days = silver.withColumn("day", F.to_date(F.from_utc_timestamp("timestamp", timezone)))
    buyer = F.when(F.col("flag_purchase"), F.col("user_id"))
    counts = days.groupBy(keys).agg(
        F.countDistinct("user_id").alias("users"), F.countDistinct(buyer).alias("purchases")
    )
    return counts.orderBy(keys)


def main() -> None:
    """Run the job and print what it took."""
    source, output, timezone = sys.argv[1:4]
    spark = session()
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    began = time.perf_counter()
    raw = spark.read.csv(source, header=True, inferSchema=True)
    validate(raw)
    bronze = save(raw.select(FIELDS).distinct().orderBy("user_id", "timestamp"), f"{output}/bronze")
    silver = save(bronze_to_silver(bronze), f"{output}/silver")
    per_variant = ["day", "experiment_name", "variant_id"]
    save(silver_to_gold(silver, per_variant, timezone), f"{output}/experiment_daily")
    save(silver_to_gold(silver, ["event_name", *per_variant], timezone), f"{output}/funnel_daily")
    print(json.dumps({"seconds": time.perf_counter() - began}))


if __name__ == "__main__":
    main()
