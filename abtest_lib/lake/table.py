"""One table of a lake: reads and idempotent writes, each checked against its contract."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from abtest_lib.contracts import TableContract
from abtest_lib.contracts.older import older_values
from abtest_lib.errors import ContractError, LakeError
from abtest_lib.lake.delta_log import Commit, DeltaLog
from abtest_lib.lake.delta_rs import add_columns, open_delta
from abtest_lib.spark.embedded import is_embedded
from abtest_lib.spark.spark_errors import translate_spark_errors


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a lake, whether it exists yet or not.

    Attributes:
        session: The Spark session.
        contract: Its columns, grain, key and properties.
        lake_path: The location of the lake.
        engine_path: The same location as the engine must name it; None if that is no other.
    """

    session: SparkSession
    contract: TableContract
    lake_path: str
    engine_path: str | None = None

    @property
    def name(self) -> str:
        """The name of the table, `layer/name`."""
        return self.contract.full_name

    @property
    def path(self) -> str:
        """The location of the table."""
        return self.contract.path(self.engine_path or self.lake_path)

    @property
    def sql_name(self) -> str:
        """The table as SQL names it, by its path."""
        return f"delta.`{self.path.replace('`', '``')}`"

    @property
    def log(self) -> DeltaLog:
        """The Delta log of the table."""
        return DeltaLog(self.session, self.path)

    @property
    def version(self) -> int | None:
        """The current Delta version; None without a table."""
        commit = self.last_commit()
        return None if commit is None else commit.version

    @property
    def exists(self) -> bool:
        """Whether the table exists."""
        return self.last_commit() is not None

    def last_commit(self) -> Commit | None:
        """Return the last commit; None without a table."""
        return self.log.last_commit()

    def last_note(self) -> str | None:
        """Return the note of the last commit that has one; None without one."""
        return self.log.last_note()

    def notes_of_appends(self, after: int, upto: int) -> list[str] | None:
        """Return the notes of the appends after a version, up to another; None if one is unknown."""
        notes = self.log.appends(after, upto) if self.log.reaches(after + 1) else [None]
        known = [note for note in notes if note is not None]
        return known if len(known) == len(notes) else None

    def read(self, version: int | None = None) -> DataFrame:
        """Read exactly the columns of the contract.

        Args:
            version: The Delta version to read; the latest when None.

        Raises:
            LakeError: There is no such table.
            ContractError: The table lacks a column of its contract.
        """
        reader = self.session.read.format("delta")
        if version is not None:
            reader = reader.option("versionAsOf", version)
        with translate_spark_errors(f"reading {self.name}"):
            frame = reader.load(self.path)
            there = frame.columns
        older = older_values(self.contract)
        missing = [name for name in self.contract.column_names if name not in there and name not in older]
        if missing:
            raise ContractError(
                f"table {self.name} in {self.lake_path} lacks column {missing[0]}: it has {', '.join(there)}"
            )
        return frame.select(
            *(
                F.col(item.name) if item.name in there else F.lit(older[item.name]).cast(item.type).alias(item.name)
                for item in self.contract.columns
            )
        )

    def stored_types(self) -> dict[str, str]:
        """Return the type of each column that the table has, also of those outside the contract; empty without a table.

        Raises:
            LakeError: The table cannot be read.
        """
        if not self.exists:
            return {}
        with translate_spark_errors(f"reading {self.name}"):
            schema = self.session.read.format("delta").load(self.path).schema
        return {field.name: field.dataType.simpleString() for field in schema.fields}

    def read_pinned(self) -> DataFrame:
        """Read the current version, whatever is committed later; frames persisted from it stay valid."""
        return self.read(self.version)

    def append(self, frame: DataFrame, note: str | None = None) -> Commit:
        """Add rows; the caller leaves out rows whose key is in the table.

        Args:
            frame: The rows.
            note: A text for the commit, kept in the log of the table.
        """
        return self._write(frame, mode="append", **({} if note is None else {"userMetadata": note}))

    def overwrite(self, frame: DataFrame) -> Commit:
        """Replace the content of the whole table in one commit."""
        return self._write(frame, mode="overwrite", overwriteSchema="true")

    def replace_days(self, frame: DataFrame, days: Collection[date]) -> Commit:
        """Replace all rows of some days in one commit; the table is partitioned by `day`.

        Args:
            frame: Rows of these days only.
            days: The days to replace; a day without rows in `frame` ends up empty.

        Raises:
            LakeError: No day was given.
        """
        if not days:
            raise LakeError(f"replacing days of {self.name} needs at least one day, got none")
        if not self.exists:
            return self.overwrite(frame)
        literals = ", ".join(f"DATE '{day.isoformat()}'" for day in sorted(days))
        return self._write(frame, mode="overwrite", replaceWhere=f"day IN ({literals})")

    def update_matches(self, frame: DataFrame, condition: str, assignment: str) -> Commit:
        """Set columns of the rows that match a row of `frame`.

        Args:
            frame: The source; at most one of its rows may match a row of the table.
            condition: SQL over `target` and `source`.
            assignment: SQL assignments over `target` and `source`, e.g. `flag_purchase = true`.
        """
        return self._merge(frame, condition, f"UPDATE SET {assignment}")

    def delete_matches(self, keys: DataFrame, column: str) -> Commit:
        """Delete the rows whose value of a column occurs in the same column of a frame."""
        return self._merge(keys, f"target.`{column}` = source.`{column}`", "DELETE")

    def delete_rows(self, condition: str) -> int:
        """Delete the rows for which a SQL condition is true; return their number."""
        commit = self._run_statement(f"DELETE FROM {self.sql_name} WHERE {condition}")  # noqa: S608  all from this code
        return commit.metrics.get("numDeletedRows", 0)

    def _merge(self, source: DataFrame, condition: str, action: str) -> Commit:
        view = f"abtest_source_of_{self.contract.layer}_{self.contract.name}"
        source.createOrReplaceTempView(view)
        merge = f"MERGE INTO {self.sql_name} AS target USING {view} AS source ON {condition}"
        return self._run_statement(f"{merge} WHEN MATCHED THEN {action}")

    def _run_statement(self, statement: str) -> Commit:
        before = self.last_commit()
        with translate_spark_errors(f"writing {self.name}"):
            self.session.sql(statement)
        return self._read_back(before)

    def _write(self, frame: DataFrame, mode: str, **options: str) -> Commit:
        rows = conform(frame, self.contract)
        before = self.last_commit()
        if mode == "append" and before is not None and is_embedded(self.session):
            rows = self._fitted(rows)
        writer = _arranged(rows, self.contract).write.format("delta").mode(mode)
        if mode == "overwrite" or before is None:
            writer = writer.options(**_creation_options(self.contract))
        else:
            writer = writer.option("mergeSchema", "true")  # the contract may have gained a nullable column
        if self.contract.partition_by:
            writer = writer.partitionBy(*self.contract.partition_by)
        with translate_spark_errors(f"writing {self.name}"):
            writer.options(**options).save(self.path)
        return self._read_back(before)

    def _fitted(self, rows: DataFrame) -> DataFrame:
        """Give table and rows the same columns: Sail 0.7.2 drops new ones silently, and wants all of the table's."""
        with open_delta(self.path, f"writing {self.name}") as table:
            add_columns(table, rows.schema)
            names = {field.name for field in table.schema().fields}
        others = names - set(rows.columns)
        types = self.stored_types() if others else {}
        return rows.select("*", *(F.lit(None).cast(types[name]).alias(name) for name in sorted(others)))

    def _read_back(self, before: Commit | None) -> Commit:
        """Return the commit of a write; without rows to write Delta makes none, and no row has changed."""
        commit = self.last_commit()
        if commit is None:
            raise LakeError(f"the commit to {self.name} in {self.lake_path} cannot be read back: there is no table")
        if before is not None and before.version == commit.version:
            return replace(commit, metrics={})
        return commit


def conform(frame: DataFrame, contract: TableContract) -> DataFrame:
    """Select the columns of a contract, in order.

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


def anti_join_keys(frame: DataFrame, existing: DataFrame, keys: Collection[str]) -> DataFrame:
    """Leave out the rows whose keys are in `existing`."""
    return frame.join(existing.select(*keys), list(keys), "left_anti")


def _arranged(frame: DataFrame, contract: TableContract) -> DataFrame:
    """Put the rows of each partition into one sorted file, if the contract asks for an order."""
    if not contract.sort_by:
        return frame
    order = [name for name in (*contract.partition_by, *contract.sort_by) if name in contract.column_names]
    together = frame.repartition(*contract.partition_by) if contract.partition_by else frame.coalesce(1)
    return together.sortWithinPartitions(*order)


def _creation_options(contract: TableContract) -> dict[str, str]:
    checks = {f"delta.constraints.{name}": sql for name, sql in contract.all_checks().items()}
    return {**contract.properties, **checks}
