"""A lake against the oracle, row by row."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from abtest_lib.contracts import ALL_TABLES, RAW_FIELDS, TableContract
from tests.oracle.duckdb_oracle import OracleSettings, OracleTables, instant, run_oracle

Rows = Counter[tuple[object, ...]]
_BY_NAME = {table.full_name: table for table in ALL_TABLES}
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  the oracle's instants are naive UTC
SILVER_AND_GOLD = (
    "silver/exposures",
    "silver/purchases",
    "silver/participants",
    "gold/lake_daily",
    "gold/experiment_daily",
    "gold/funnel_daily",
    "gold/experiment_to_date",
    "gold/experiment_health",
)
EVERYTHING = ("bronze/events", "quarantine/events", *SILVER_AND_GOLD)


def assert_lake_equals_oracle(
    spark: SparkSession,
    lake: str,
    paths: Iterable[Path],
    settings: OracleSettings,
    only: Collection[str] = EVERYTHING,
) -> OracleTables:
    """Compare bronze, quarantine, silver and gold with what the oracle makes of the same files.

    Args:
        spark: The session.
        lake: The lake.
        paths: The raw files.
        settings: The oracle's settings.
        only: The tables to compare; millions of rows take minutes in Python.

    Returns:
        The oracle's tables, for further expectations.
    """
    expected = run_oracle(paths, settings)
    problems = []
    for name, rows in expected_rows(expected, only).items():
        contract = _BY_NAME[name]
        records = read_records(spark, lake, contract)
        problems += [*_copies(contract, records), *_differences(name, rows, comparable(contract, records))]
    assert not problems, "\n".join(problems)
    return expected


def expected_rows(tables: OracleTables, only: Collection[str] = EVERYTHING) -> dict[str, Rows]:
    """The oracle's tables in the form that `comparable` gives."""
    makers = {
        "bronze/events": lambda: _bronze(tables),
        "quarantine/events": lambda: _quarantine(tables),
        "silver/exposures": lambda: Counter(_plain_rows(tables.exposures)),
        "silver/purchases": lambda: Counter(_plain_rows(tables.purchases)),
        "silver/participants": lambda: Counter(_plain_rows(tables.participants)),
        "gold/lake_daily": lambda: Counter(_plain_rows(tables.lake_daily)),
        "gold/experiment_daily": lambda: Counter(_plain_rows(tables.experiment_daily)),
        "gold/funnel_daily": lambda: Counter(_plain_rows(tables.funnel_daily)),
        "gold/experiment_to_date": lambda: Counter(_plain_rows(tables.experiment_to_date)),
        "gold/experiment_health": lambda: Counter(_plain_rows(tables.experiment_health)),
    }
    return {name: makers[name]() for name in only}


def _bronze(tables: OracleTables) -> Rows:
    bronze: Rows = Counter()
    for record, count in tables.bronze.items():
        event_name, item_id, timestamp, site, experiments, user_id = record
        moment = instant(timestamp or "")
        assert moment is not None
        naive = moment.replace(tzinfo=None)
        bronze[event_name, item_id, _plain(naive), site, experiments, user_id, naive.date()] += count
    return bronze


def _quarantine(tables: OracleTables) -> Rows:
    quarantine: Rows = Counter()
    for (record, rules), count in tables.quarantine.items():
        is_split = len(record) == len(RAW_FIELDS)
        fields, line = (record, None) if is_split else ((), record[0])
        quarantine[(*fields, line, *sorted(rules))] += count
    return quarantine


def read_records(spark: SparkSession, lake: str, contract: TableContract) -> list[dict[str, Any]]:
    """A table's rows, instants as microseconds since 1970; by delta-rs where it can, as it is quicker than Spark."""
    if contract.properties["delta.enableDeletionVectors"] == "true":
        columns = [f"unix_micros({c.name}) AS {c.name}" if c.type == "timestamp" else c.name for c in contract.columns]
        rows = spark.read.format("delta").load(contract.path(lake)).selectExpr(*columns).collect()
        return [row.asDict() for row in rows]
    table = DeltaTable(contract.path(lake)).to_pyarrow_table()
    for position, column in enumerate(table.schema):
        if pa.types.is_timestamp(column.type):
            instants = table.column(column.name).cast(pa.timestamp("us", "UTC")).cast(pa.int64())
            table = table.set_column(position, column.name, instants)
    records: list[dict[str, Any]] = table.to_pylist()
    return records


def comparable(contract: TableContract, records: Iterable[Mapping[str, Any]]) -> Rows:
    """Rows without row_id and what differs from run to run; instants as microseconds since 1970."""
    left_out = {"row_id", "source_file", "ingested_at", "quarantined_at"}
    names = [name for name in contract.column_names if name not in left_out]
    rows: Iterable[tuple[Any, ...]] = (tuple(record[name] for name in names) for record in records)
    if contract.full_name == "quarantine/events":
        # What the fields of a line hold that could not be split is nobody's promise.
        rows = [(*(row[:6] if row[6] is None else ()), row[6], *sorted(row[7])) for row in rows]
    return Counter(rows)


def _plain_rows(rows: Iterable[tuple[object, ...]]) -> Iterable[tuple[object, ...]]:
    counted = rows.items() if isinstance(rows, Counter) else ((row, 1) for row in rows)
    for row, count in counted:
        plain = tuple(_plain(value) for value in row)
        yield from (plain for _ in range(count))


def _plain(value: object) -> object:
    return (value - _EPOCH) // timedelta(microseconds=1) if isinstance(value, datetime) else value


def _differences(name: str, expected: Rows, found: Rows) -> list[str]:
    missing, surplus = expected - found, found - expected
    if not missing and not surplus:
        return []
    return [
        (
            f"{name}: {missing.total()} rows of {expected.total()} are missing, "
            f"{surplus.total()} of {found.total()} are wrong\n"
            f"missing: {_some(missing)}\nwrong:   {_some(surplus)}"
        )
    ]


def _some(rows: Rows, limit: int = 5) -> str:
    shown = sorted(rows, key=repr)[:limit]
    return "\n         ".join(repr(tuple(map(_readable, row)))[:400] for row in shown) or "none"


def _readable(value: object) -> object:
    is_instant = isinstance(value, int) and not isinstance(value, bool) and value > 10**14
    if is_instant:
        return str(_EPOCH + timedelta(microseconds=int(str(value))))
    return str(value) if isinstance(value, date) else value


def _copies(contract: TableContract, records: Iterable[Mapping[str, Any]]) -> list[str]:
    keys = Counter(tuple(record[name] for name in contract.key) for record in records)
    copies = [key for key, count in keys.items() if count > 1]
    return (
        [f"{contract.full_name}: {len(copies)} keys {contract.key} occur more than once, e.g. {copies[0]}"]
        if copies
        else []
    )
