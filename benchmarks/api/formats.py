"""Measures how the mirror of the API might keep a day: the packed file, SQLite and JSON, Parquet with pruning, DuckDB.

    python benchmarks/api/formats.py [--experiments 10000] [--days 30] [--lookups 2000]

All hold the same rows of the same days, and every lookup gives all that the API knows of one experiment on one day.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import lake as lakes
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sqlite_day

from api import dayfile, packing

_GROUP = 128
"""Rows of a row group: the smaller, the less a lookup decodes, and the longer the footer."""

Lookup = Callable[[str], object]


def tables_of(day: int, experiments: int) -> dict[str, pa.Table]:
    """One day of every gold table."""
    that = lakes.days(day + 1)[day]
    return {contract.name: lakes.table_of(contract, that, experiments) for contract in lakes.TABLES}


def packed(folder: Path, days: list[dict[str, pa.Table]]) -> Iterator[tuple[str, Path, list[Lookup]]]:
    """The private format, from disk and from memory."""
    for number, tables in enumerate(days):
        (folder / f"{number}.day").write_bytes(packing.pack_day(lakes.days(number + 1)[number], tables))
    files = [dayfile.DayFile(folder / f"{number}.day") for number in range(len(days))]
    yield "packed, disk", files[0].path, [file.read for file in files]
    for file in files:
        file.load()
    yield "packed, memory", files[0].path, [file.read for file in files]


def sqlite(folder: Path, days: list[dict[str, pa.Table]]) -> Iterator[tuple[str, Path, list[Lookup]]]:
    """One SQLite file a day, with numbers in columns or as JSON: opened for each lookup, kept open, in memory."""
    ways = {
        "columns": (sqlite_day.write_column_day, sqlite_day.column_lookup),
        "JSON": (sqlite_day.write_json_day, sqlite_day.json_lookup),
    }
    for way, (write, look) in ways.items():
        paths = [folder / f"{number}.{way}.sqlite" for number in range(len(days))]
        for path, tables in zip(paths, days, strict=True):
            write(path, tables)
        yield f"SQLite {way}, opened", paths[0], [sqlite_day.opened_each_time(path, look) for path in paths]
        yield f"SQLite {way}, open", paths[0], [look(sqlite_day.on_disk(path)) for path in paths]
        yield f"SQLite {way}, memory", paths[0], [look(sqlite_day.in_memory(path)) for path in paths]


def parquet(folder: Path, days: list[dict[str, pa.Table]]) -> Iterator[tuple[str, Path, list[Lookup]]]:
    """The arms sorted by experiment in small row groups, whose statistics tell where one is; the footer is kept."""
    paths = [folder / f"{number}.parquet" for number in range(len(days))]
    for path, tables in zip(paths, days, strict=True):
        pq.write_table(sqlite_day.joined_arms(tables), path, row_group_size=_GROUP)
    yield "Parquet, pruned", paths[0], [_pruned(path) for path in paths]
    connection = duckdb.connect()
    connection.execute("SET enable_object_cache=true")
    yield "DuckDB on Parquet", paths[0], [_duckdb(connection, path) for path in paths]


def _pruned(path: Path) -> Lookup:
    file = pq.ParquetFile(path)
    groups = [file.metadata.row_group(number).column(0).statistics for number in range(file.num_row_groups)]
    bounds = [(statistic.min, statistic.max) for statistic in groups]

    def look(name: str) -> object:
        hit = [number for number, (low, high) in enumerate(bounds) if low <= name <= high]
        rows = file.read_row_groups(hit, use_threads=False)
        return rows.filter(pc.equal(rows["experiment_name"], name)).to_pylist()

    return look


def _duckdb(connection: duckdb.DuckDBPyConnection, path: Path) -> Lookup:
    query = f"SELECT * FROM '{path}' WHERE experiment_name = ?"
    return lambda name: connection.execute(query, [name]).fetchall()


def microseconds(look: Lookup, names: list[str]) -> float:
    """The median over the lookups."""
    took = []
    for name in names:
        began = time.perf_counter()
        found = look(name)
        took.append(time.perf_counter() - began)
        if not found:
            raise LookupError(name)
    return 1e6 * statistics.median(took)


def history_milliseconds(lookups: list[Lookup], names: list[str]) -> float:
    """The median time to read one experiment on every day."""
    took = []
    for name in names:
        began = time.perf_counter()
        for look in lookups:
            look(name)
        took.append(time.perf_counter() - began)
    return 1e3 * statistics.median(took)


def measured(days: list[dict[str, pa.Table]], names: list[str]) -> Iterator[tuple[str, float, float, float, float]]:
    """Each way with the megabytes and seconds that a day takes, µs of a lookup, and ms of a look at every day."""
    with tempfile.TemporaryDirectory() as folder:
        for kind in (packed, sqlite, parquet):
            began = time.process_time()
            for label, path, lookups in kind(Path(folder), days):
                seconds = (time.process_time() - began) / len(days)
                few = names[: len(names) // 10] if kind is parquet else names
                took, long = microseconds(lookups[0], few), history_milliseconds(lookups, names[:20])
                yield label, path.stat().st_size / 1e6, seconds, took, long
                began = time.process_time()


def main() -> None:
    """Measure and print one line per way; lookups also as a multiple of the packed file in memory."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--experiments", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--lookups", type=int, default=2_000)
    given = parser.parse_args()
    days = [tables_of(day, given.experiments) for day in range(given.days)]
    names = random.Random(1).choices(lakes.names(given.experiments), k=given.lookups)  # noqa: S311  no secret
    rows = list(measured(days, names))
    base = next(took for label, _, _, took, _ in rows if label == "packed, memory")
    print(f"{'':<24}{'MB a day':>10}{'s a day':>9}{'µs':>9}{'times':>8}{f'ms, {given.days} days':>14}")
    for label, megabytes, seconds, took, long in rows:
        print(f"{label:<24}{megabytes:>10.1f}{seconds:>9.2f}{took:>9.1f}{took / base:>8.1f}{long:>14.1f}")


if __name__ == "__main__":
    main()
