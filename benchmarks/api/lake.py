"""A lake of ten million daily rows and ten million posteriors, written with delta-rs from the contracts."""

import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from abtest_lib import contracts
from abtest_lib.contracts import TableContract

ARMS = 3
FIRST_DAY = date(2021, 1, 1)
DAYS_PER_COMMIT = 9
TYPES = {
    "string": pa.string(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "array<string>": pa.list_(pa.string()),
}


def names(experiments: int) -> list[str]:
    """The experiments' names, sorted, with the slash that real ones have."""
    return sorted(f"area-{number % 50:02d}/experiment-{number:05d}" for number in range(experiments))


def days(count: int) -> list[date]:
    """The days of the lake, oldest first."""
    return [FIRST_DAY + timedelta(days=number) for number in range(count)]


def _counts(rng: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    users = rng.integers(500, 5_000, rows)
    return users, rng.binomial(users, rng.beta(20, 380, rows))


def _arm_columns(day: date, experiments: int) -> dict[str, Any]:
    rows = experiments * ARMS
    name = np.repeat(np.arange(experiments), ARMS)
    return {
        "day": pa.repeat(pa.scalar(day), rows),
        "experiment_name": pa.array(names(experiments)).take(pa.array(name)),
        "variant_id": pa.array([str(4_000 + arm) for arm in range(ARMS)] * experiments),
        "window": pa.repeat("to_date", rows),
        "metric": pa.repeat("purchase", rows),
        "control_id": pa.repeat("4000", rows),
        "is_control": pa.array(np.tile(np.arange(ARMS) == 0, experiments)),
        "period_start": pa.repeat(pa.scalar(FIRST_DAY), rows),
        "status": pa.repeat("ok", rows),
        "engine": pa.repeat("exact", rows),
        "prior": pa.repeat("exponential", rows),
        "model_version": pa.repeat("1", rows),
    }


def _experiment_columns(day: date, experiments: int) -> dict[str, Any]:
    known = names(experiments)
    return {
        "day": pa.repeat(pa.scalar(day), experiments),
        "experiment_name": pa.array(known),
        "first_day": pa.repeat(pa.scalar(FIRST_DAY), experiments),
        "period_start": pa.repeat(pa.scalar(FIRST_DAY), experiments),
        "is_valid": pa.repeat(pa.scalar(value=True), experiments),
        "reasons": pa.array([["too_few_conversions"] if row % 7 == 0 else [] for row in range(experiments)]),
        "winner": pa.repeat("4001", experiments),
        "decision": pa.array([("inconclusive", "ship", "keep_control")[row % 3] for row in range(experiments)]),
        "control_id": pa.repeat("4000", experiments),
        "srm_status": pa.repeat("ok", experiments),
        "model_version": pa.repeat("1", experiments),
        "explanation": pa.array([f"{name}: 4001 beats 4000, and the interval excludes a loss." for name in known]),
    }


def table_of(contract: TableContract, day: date, experiments: int) -> pa.Table:
    """One day of a table: fixed columns as above, every other number at random, sorted by experiment."""
    rng = np.random.default_rng([crc32(contract.name.encode()), day.toordinal()])
    per_arm = "variant_id" in contract.column_names
    given = (_arm_columns if per_arm else _experiment_columns)(day, experiments)
    rows = experiments * (ARMS if per_arm else 1)
    users, purchases = _counts(rng, rows)
    given |= {"users": pa.array(users), "purchases": pa.array(purchases)}
    given |= {"cross_exposed_users": pa.array(users // 50), "cross_exposed_purchases": pa.array(purchases // 50)}
    columns = []
    for column in contract.columns:
        if column.name in given:
            columns.append(given[column.name])
        elif column.type == "double":
            columns.append(pa.array(rng.random(rows)))
        elif column.type == "bigint":
            columns.append(pa.array(rng.integers(0, 10_000, rows)))
        else:
            columns.append(pa.nulls(rows, TYPES[column.type]))
    schema = pa.schema([pa.field(column.name, TYPES[column.type]) for column in contract.columns])
    return pa.Table.from_arrays([pa.chunked_array([array]).combine_chunks() for array in columns], schema=schema)


TABLES = (
    contracts.EXPERIMENT_DAILY,
    contracts.POSTERIORS,
    contracts.EXPERIMENT_HEALTH,
    contracts.EXPERIMENT_TO_DATE,
    contracts.COMPARISONS,
    contracts.VERDICTS,
)


def _commits(contract: TableContract, experiments: int, day_count: int) -> Iterator[pa.Table]:
    wanted = days(day_count)
    for start in range(0, day_count, DAYS_PER_COMMIT):
        yield pa.concat_tables(
            [table_of(contract, day, experiments) for day in wanted[start : start + DAYS_PER_COMMIT]]
        )


def publish(lake: Path, run_id: str) -> None:
    """Publish the gold tables as they are now."""
    versions = [(table.full_name, DeltaTable(table.path(str(lake))).version()) for table in TABLES]
    row = {"run_id": run_id, "published_at": datetime.now(UTC), "versions": versions}
    schema = pa.schema(
        [
            pa.field("run_id", pa.string()),
            pa.field("published_at", pa.timestamp("us", tz="UTC")),
            pa.field("versions", pa.map_(pa.string(), pa.int64())),
        ]
    )
    path = contracts.RELEASES.path(str(lake))
    write_deltalake(path, pa.Table.from_pylist([row], schema=schema), mode="append")


def replace_day(lake: Path, day: date, experiments: int, run_id: str) -> None:
    """What a daily run does: rewrite one day of every table, then publish."""
    for contract in TABLES:
        path = contract.path(str(lake))
        write_deltalake(path, table_of(contract, day, experiments), mode="overwrite", predicate=f"day = '{day}'")
    publish(lake, run_id)


def build(lake: Path, experiments: int, day_count: int) -> None:
    """Write the lake, unless it is there."""
    if (lake / "ops" / "releases").exists():
        return
    for contract in TABLES:
        for number, rows in enumerate(_commits(contract, experiments, day_count)):
            mode = "append" if number else "overwrite"
            write_deltalake(contract.path(str(lake)), rows, partition_by=["day"], mode=mode)
        print(f"wrote {contract.full_name}", flush=True)
    publish(lake, "first")


if __name__ == "__main__":
    build(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
