"""Raw rows: identity, time, validity, duplicates."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from abtest_lib.contracts import RAW_FIELDS
from abtest_lib.transforms.event_format import EventFormat
from abtest_lib.transforms.rules import LONGEST_FIELD, MALFORMED_ROW, MAP_RULES, Rule
from abtest_lib.transforms.spellings import is_odd


def repartition_by_user(raw: DataFrame) -> DataFrame:
    """Put the rows of each user into one partition, so that all cores work however the input is split into files."""
    return raw.repartition("user_id")


def add_time_and_row_checks(raw: DataFrame, form: EventFormat) -> DataFrame:
    """Add the instant of every raw row, and whether the row breaks no rule over one row.

    Args:
        raw: The raw fields as text, raw_record and source_file.
        form: How rows are read and checked.

    Returns:
        The same rows with event_time (the instant, NULL where there is none) and is_sound (the row breaks no rule over
        one row).
    """
    timed = raw.withColumn("event_time", F.expr(form.event_time))
    return timed.withColumn("is_sound", F.col("raw_record").isNull() & ~_breaks_any(form.rules, form.latest))


def add_row_id(rows: DataFrame, columns: Iterable[str] = ()) -> DataFrame:
    """Add `row_id` to every raw row.

    Args:
        rows: Rows with the raw fields and raw_record.
        columns: The columns beyond the six fields. One without a value leaves the identity as it would be without the
            column.

    Returns:
        The same rows with row_id (SHA-256 in hexadecimal; equal for rows equal in all fields, and for lines that
        could not be split equal for equal lines).
    """
    whole_line = F.concat(F.lit("line:"), F.col("raw_record"))
    others = (
        F.when(F.col(name).isNull(), "").otherwise(F.concat(F.lit(f"{name}="), _length_prefixed(name)))
        for name in sorted(columns)
    )
    fields = F.concat(*(_length_prefixed(name) for name in RAW_FIELDS), *others)
    return rows.withColumn("row_id", F.sha2(F.coalesce(whole_line, fields), 256))


def count_by_map(rows: DataFrame) -> DataFrame:
    """Count rows and rows that break no rule, by map of experiments and date.

    Args:
        rows: The result of `add_time_and_row_checks`.

    Returns:
            that the map breaks), has_odd_id
        that the map breaks), has_odd_id (whether a sound row has a user id that may be another's spelling).
    """
    # A field that is far too long breaks a rule of its own and never becomes a key.
    is_short = (F.octet_length("experiments") <= LONGEST_FIELD) | (F.length("experiments") <= LONGEST_FIELD)
    experiments = F.when(is_short, F.col("experiments"))
    judged = rows.select(
        experiments.alias("experiments"), F.to_date("event_time").alias("event_date"), "is_sound", "user_id"
    )
    groups = judged.groupBy("experiments", "event_date")
    has_odd_id = F.max(F.col("is_sound") & is_odd("user_id")).alias("has_odd_id")
    counts = groups.agg(F.count(F.lit(1)).alias("rows"), F.count_if("is_sound").alias("sound"), has_odd_id)
    return counts.withColumn("map_faults", _faults(MAP_RULES))


def add_validity(rows: DataFrame, map_counts: DataFrame) -> DataFrame:
    """Add `is_valid` to rows, and `map_faults` (NULL where the map breaks no rule).

    Args:
        rows: The result of `add_time_and_row_checks`.
        map_counts: The result of `count_by_map` for them.
    """
    faulty = map_counts.where("size(map_faults) > 0").select("experiments", "map_faults").distinct()
    joined = rows.join(faulty, "experiments", "left")
    return joined.withColumn("is_valid", F.col("is_sound") & F.col("map_faults").isNull())


def failed_rules(form: EventFormat) -> Column:
    """Return the names of the rules that a checked row breaks; a line that did not split breaks only that rule."""
    only_malformed = F.array(F.lit(MALFORMED_ROW.name))
    in_map = F.coalesce("map_faults", F.array().cast("array<string>"))
    every = F.array_union(_faults(form.rules, form.latest), in_map)
    return F.when(F.expr(MALFORMED_ROW.broken), only_malformed).otherwise(every)


def number_copies(rows: DataFrame, *alike: str) -> DataFrame:
    """Add `copy`: 1 for the row of each row_id that is kept, higher numbers for its duplicates.

    The name of the file decides which one is kept, so that the result does not depend on partitions.

    Args:
        rows: Rows with row_id.
        alike: Columns that are equal wherever row_id is. With the column that `repartition_by_user` uses among them,
            no other shuffle is needed and the rows come out in their order. Lines that could not be split have no such
            column: under another header the same line has other fields.
    """
    by_row = Window.partitionBy(*alike, "row_id").orderBy("source_file")
    return rows.withColumn("copy", F.row_number().over(by_row))


def as_bronze(rows: DataFrame, ingested_at: datetime, columns: Mapping[str, str]) -> DataFrame:
    """Select the columns of bronze/events from valid rows with row_id.

    Args:
        rows: The rows.
        ingested_at: When the run started.
        columns: The columns beyond the six fields, and their types.
    """
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
        *(F.expr(f"try_cast(`{name}` AS {kind})").alias(name) for name, kind in columns.items()),
    )


def as_quarantine(rows: DataFrame, quarantined_at: datetime, form: EventFormat) -> DataFrame:
    """Select the columns of quarantine/events from rejected rows with row_id."""
    texts = [part for name in form.columns for part in (F.lit(name), F.col(name))]
    others = F.create_map(*texts) if texts else F.lit(None)
    is_split = F.col("raw_record").isNull()
    return rows.select(
        "row_id",
        *RAW_FIELDS,
        "raw_record",
        failed_rules(form).alias("failed_rules"),
        "source_file",
        F.lit(quarantined_at).alias("quarantined_at"),
        F.when(is_split, others).cast("map<string,string>").alias("event_columns"),
    )


def _length_prefixed(name: str) -> Column:
    text = F.col(name)
    return F.when(text.isNull(), "null;").otherwise(F.concat(F.length(text).cast("string"), F.lit(":"), text))


def _breaks_any(rules: Iterable[Rule], latest: datetime | None = None) -> Column:
    breaks_any = F.lit(False)
    for rule in rules:
        breaks_any = breaks_any | F.coalesce(F.expr(rule.condition(latest)), F.lit(False))
    return breaks_any


def _faults(rules: Iterable[Rule], latest: datetime | None = None) -> Column:
    return F.array_compact(F.array(*(F.when(F.expr(rule.condition(latest)), rule.name) for rule in rules)))
