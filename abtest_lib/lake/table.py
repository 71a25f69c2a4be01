"""Reads and idempotent writes of the lake's tables, each held to its contract."""

from collections.abc import Collection
from dataclasses import replace
from datetime import date

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from abtest_lib.contracts import TableContract
from abtest_lib.errors import ContractError, LakeError
from abtest_lib.lake.delta_log import Commit, last_commit
from abtest_lib.spark.spark_errors import told_in_one_line


def read_table(spark: SparkSession, contract: TableContract, lake: str, version: int | None = None) -> DataFrame:
    """Read a table with exactly its contract's columns.

    Args:
        spark: The session.
        contract: Which table.
        lake: The lake's directory or object-store prefix.
        version: The Delta version to read; the latest when None.

    Returns:
        The table.

    Raises:
        LakeError: There is no such table.
        ContractError: The table lacks a column of its contract.
    """
    reader = spark.read.format("delta")
    if version is not None:
        reader = reader.option("versionAsOf", version)
    with told_in_one_line(f"reading {contract.full_name}"):
        frame = reader.load(contract.path(lake))
        columns = frame.columns
    missing = [column.name for column in contract.columns if column.name not in columns and not column.nullable]
    if missing:
        found = ", ".join(columns)
        raise ContractError(f"table {contract.full_name} in {lake} lacks column {missing[0]}: it has {found}")
    # A column that may be NULL is so where the table was made before its contract had it.
    return frame.select(
        *(
            F.col(column.name) if column.name in columns else F.lit(None).cast(column.type).alias(column.name)
            for column in contract.columns
        )
    )


def read_inserts(spark: SparkSession, contract: TableContract, lake: str, after: int, upto: int) -> DataFrame:
    """Read the rows that a table gained in the versions after `after`, up to and including `upto`."""
    with told_in_one_line(f"reading what {contract.full_name} gained since version {after}"):
        feed = (
            spark.read.format("delta")
            .option("readChangeFeed", "true")
            .option("startingVersion", after + 1)
            .option("endingVersion", upto)
            .load(contract.path(lake))
        )
        return feed.where("_change_type = 'insert'").select(*contract.column_names)


def append(frame: DataFrame, contract: TableContract, lake: str, note: str | None = None) -> Commit:
    """Add rows; the caller has left out those whose key is there already.

    Args:
        frame: The rows.
        contract: Which table.
        lake: The lake's directory or object-store prefix.
        note: A text for the commit, kept in the table's log.

    Returns:
        The commit.
    """
    return _write(frame, contract, lake, mode="append", **({} if note is None else {"userMetadata": note}))


def overwrite(frame: DataFrame, contract: TableContract, lake: str) -> Commit:
    """Put a new content in the place of the whole table, in one commit."""
    return _write(frame, contract, lake, mode="overwrite", overwriteSchema="true")


def replace_days(frame: DataFrame, contract: TableContract, lake: str, days: Collection[date]) -> Commit:
    """Put new rows in the place of all rows of some days, in one commit.

    Args:
        frame: Rows of these days only.
        contract: A table partitioned by `day`.
        lake: The lake's directory or object-store prefix.
        days: The days to replace; a day without rows in `frame` ends up empty.

    Returns:
        The commit.

    Raises:
        LakeError: No day was given.
    """
    if not days:
        raise LakeError(f"replacing days of {contract.full_name} needs at least one day, got none")
    if last_commit(frame.sparkSession, contract, lake) is None:
        return overwrite(frame, contract, lake)
    literals = ", ".join(f"DATE '{day.isoformat()}'" for day in sorted(days))
    return _write(frame, contract, lake, mode="overwrite", replaceWhere=f"day IN ({literals})")


def update_matches(frame: DataFrame, contract: TableContract, lake: str, condition: str, assignment: str) -> Commit:
    """Set columns of the rows of a table that match a row of `frame`.

    Args:
        frame: The source; at most one of its rows may match a row of the table.
        contract: Which table.
        lake: The lake's directory or object-store prefix.
        condition: SQL over `target` and `source`.
        assignment: SQL assignments over `target` and `source`, e.g. `flag_purchase = true`.

    Returns:
        The commit.
    """
    view = f"abtest_matches_of_{contract.layer}_{contract.name}"
    frame.createOrReplaceTempView(view)
    statement = (
        f"MERGE INTO delta.`{contract.path(lake)}` AS target USING {view} AS source "
        f"ON {condition} WHEN MATCHED THEN UPDATE SET {assignment}"
    )
    return _run_statement(frame.sparkSession, contract, lake, statement)


def anti_join_keys(frame: DataFrame, existing: DataFrame, keys: Collection[str]) -> DataFrame:
    """Leave out the rows whose keys are in `existing`."""
    return frame.join(existing.select(*keys), list(keys), "left_anti")


def _run_statement(spark: SparkSession, contract: TableContract, lake: str, statement: str) -> Commit:
    before = last_commit(spark, contract, lake)
    with told_in_one_line(f"writing {contract.full_name}"):
        spark.sql(statement)
    return _read_back(spark, contract, lake, before)


def conform(frame: DataFrame, contract: TableContract) -> DataFrame:
    """Select a contract's columns, in order.

    Raises:
        ContractError: A column is missing or has another type.
    """
    types = {field.name: field.dataType.simpleString() for field in frame.schema.fields}
    for column in contract.columns:
        if types.get(column.name) != column.type:
            found = types.get(column.name, "missing")
            raise ContractError(
                f"column {column.name} of {contract.full_name} is {found} in the frame to be written, not {column.type}"
            )
    return frame.select(*(F.col(name) for name in contract.column_names))


def _write(frame: DataFrame, contract: TableContract, lake: str, mode: str, **options: str) -> Commit:
    writer = conform(frame, contract).write.format("delta").mode(mode)
    spark = frame.sparkSession
    before = last_commit(spark, contract, lake)
    if mode == "overwrite" or before is None:
        writer = writer.options(**_creation_options(contract))
    else:
        writer = writer.option("mergeSchema", "true")  # the contract may have gained a column that may be NULL
    if contract.partition_by:
        writer = writer.partitionBy(*contract.partition_by)
    with told_in_one_line(f"writing {contract.full_name}"):
        writer.options(**options).save(contract.path(lake))
    return _read_back(spark, contract, lake, before)


def _creation_options(contract: TableContract) -> dict[str, str]:
    checks = {f"delta.constraints.{name}": sql for name, sql in contract.all_checks().items()}
    return {**contract.properties, **checks}


def _read_back(spark: SparkSession, contract: TableContract, lake: str, before: Commit | None) -> Commit:
    """The commit of a write; where there was nothing to write Delta makes none, and no row has changed."""
    commit = last_commit(spark, contract, lake)
    if commit is None:
        raise LakeError(f"the commit to {contract.full_name} in {lake} cannot be read back: the table is not there")
    if before is not None and before.version == commit.version:
        return replace(commit, metrics={})
    return commit
