"""Raw rows: identity, time, validity, duplicates."""

from datetime import datetime

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from abtest_lib.contracts import RAW_FIELDS
from abtest_lib.transforms.rules import EVENT_TIME, FIELD_RULES, MALFORMED_ROW


def identify(raw: DataFrame) -> DataFrame:
    """Give every raw row its `row_id` and its `event_time`.

    Args:
        raw: The six raw fields as text, raw_record and source_file.

    Returns:
        The same rows with row_id (SHA-256 in hexadecimal; equal for rows equal in all six fields, and for lines that
        could not be split equal for equal lines) and event_time (the instant, NULL where there is none).
    """
    whole_line = F.concat(F.lit("line:"), F.col("raw_record"))
    fields = F.concat(*(_length_prefixed(name) for name in RAW_FIELDS))
    return raw.withColumns({"row_id": F.sha2(F.coalesce(whole_line, fields), 256), "event_time": F.expr(EVENT_TIME)})


def is_valid() -> Column:
    """Whether an identified row breaks no rule."""
    breaks_any = F.lit(False)
    for rule in FIELD_RULES:
        breaks_any = breaks_any | F.coalesce(F.expr(rule.broken), F.lit(False))
    return F.col("raw_record").isNull() & ~breaks_any


def failed_rules() -> Column:
    """The names of all the rules that an identified row breaks; a line that did not split is told nothing else."""
    broken = [F.when(F.expr(rule.broken), rule.name) for rule in FIELD_RULES]
    only_malformed = F.array(F.lit(MALFORMED_ROW.name))
    return F.when(F.expr(MALFORMED_ROW.broken), only_malformed).otherwise(F.array_compact(F.array(*broken)))


def number_copies(rows: DataFrame) -> DataFrame:
    """Add `copy`: 1 for the row of each row_id that stays, more for its copies.

    Which copy stays is decided by the name of its file, so that the outcome does not depend on partitions. The rows
    of one user come out together, in order of time.
    """
    by_row = Window.partitionBy("user_id", "event_time", "row_id").orderBy("source_file")
    return rows.repartition("user_id").withColumn("copy", F.row_number().over(by_row))


def as_bronze(rows: DataFrame, ingested_at: datetime) -> DataFrame:
    """Valid identified rows in the shape of bronze/events."""
    return rows.select(
        "row_id",
        "event_name",
        "item_id",
        F.col("event_time").alias("timestamp"),
        "site",
        "experiments",
        "user_id",
        F.to_date("event_time").alias("event_date"),
        "source_file",
        F.lit(ingested_at).alias("ingested_at"),
    )


def as_quarantine(rows: DataFrame, quarantined_at: datetime) -> DataFrame:
    """Rejected identified rows in the shape of quarantine/events."""
    return rows.select(
        "row_id",
        *RAW_FIELDS,
        "raw_record",
        failed_rules().alias("failed_rules"),
        "source_file",
        F.lit(quarantined_at).alias("quarantined_at"),
    )


def _length_prefixed(name: str) -> Column:
    text = F.col(name)
    return F.when(text.isNull(), "null;").otherwise(F.concat(F.length(text).cast("string"), F.lit(":"), text))
