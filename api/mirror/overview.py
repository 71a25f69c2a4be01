"""Overviews of every table: counts, a sample with people masked, the last runs, and quarantine by rule."""

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder

from abtest_lib.contracts import ALL_TABLES, GOLD_TABLES, LAKE_DAILY, QUARANTINE, RUNS, TableContract
from abtest_lib.errors import LakeError
from abtest_lib.stats.calendar import stray_days
from api.mirror.release_reader import PublishedRelease, check_lake, lake_errors, open_table

SAMPLE_ROWS = 100
RUN_ROWS = 50
_LONGEST_TEXT = 500
_IDENTIFYING = {"user_id", "row_id"}  # a row_id is a hash over the user_id and guessable columns: it names a person
_FOLDER = re.compile(r"^.*[/\\]")


def overview(lake: str, release: PublishedRelease | None, mask_key: bytes) -> dict[str, Any]:
    """Summarise every table.

    Args:
        lake: The location of the lake.
        release: The versions of gold tables to read; other tables are read in their newest version.
        mask_key: The secret that turns people's ids into pseudonyms.

    Returns:
        `tables` (one entry per contract), `runs` (newest first), `quarantine` and `stray_days`, ready for JSON. A
        table that cannot be read has a `problem` and nulls.
    """
    mask = _Mask(mask_key)
    return {
        "tables": [_table(lake, contract, release, mask) for contract in ALL_TABLES],
        "runs": _or_empty(lambda: _runs(lake)),
        "quarantine": _or_empty(lambda: _quarantine(lake)),
        "stray_days": _or_empty(lambda: _stray_days(lake, release)),
    }


class _Mask:
    """Masks rows: a person's id becomes a pseudonym that nobody can compute without the key.

    Args:
        key: A secret of up to 64 bytes.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def row(self, row: dict[str, Any]) -> dict[str, Any]:
        return {name: self._value(name, value) for name, value in row.items()}

    def _value(self, name: str, value: Any) -> Any:  # noqa: ANN401  any column of any table
        if value is None:
            return None
        if name in _IDENTIFYING:
            return "~" + blake2b(str(value).encode(), key=self._key, digest_size=6).hexdigest()
        if name == "raw_record":
            return f"(hidden, {len(value)} characters)"
        if name == "source_file":
            return _FOLDER.sub("", str(value))
        return plain(value)


def plain(value: Any) -> Any:  # noqa: ANN401  any Arrow value in, any JSON value out
    """Return a value that JSON can hold; NaN and infinities become null, instants are in UTC.

    Examples:
        >>> plain(float("nan")), plain(date(2021, 8, 1))
        (None, '2021-08-01')
    """
    if isinstance(value, datetime):
        return value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value[:_LONGEST_TEXT] if isinstance(value, str) else value


def _or_empty(read: Callable[[], Any]) -> Any:  # noqa: ANN401  a list or a dictionary
    try:
        return read()
    except LakeError:
        return None


def _query(table: DeltaTable, sql: str) -> list[dict[str, Any]]:
    """Run SQL over `t`; unlike the Arrow reader it skips rows that a deletion vector marks."""
    result = pa.table(QueryBuilder().register("t", table).execute(sql))
    return list(result.to_pylist(maps_as_pydicts="lossy"))


def _rows(table: DeltaTable, actions: pa.Table) -> int:
    counts = actions["num_records"].to_pylist()
    marked = "deletionVectors" in (table.protocol().reader_features or ())
    if marked or None in counts:
        return int(_query(table, "select count(*) as n from t")[0]["n"])
    return sum(counts)


def _open(lake: str, contract: TableContract, release: PublishedRelease | None) -> DeltaTable:
    check_lake(lake)
    if contract not in GOLD_TABLES:
        return open_table(lake, contract)
    if release is None or contract.full_name not in release.versions:
        raise LakeError(f"{contract.full_name}: not part of the release")
    return open_table(lake, contract, release.versions[contract.full_name])


def _table(lake: str, contract: TableContract, release: PublishedRelease | None, mask: _Mask) -> dict[str, Any]:
    about: dict[str, Any] = {"layer": contract.layer, "table": contract.name, "grain": contract.grain}
    try:
        table = _open(lake, contract, release)
        with lake_errors(contract.full_name):
            return about | _look(table, mask)
    except LakeError as error:
        unread: dict[str, Any] = {"version": None, "rows": None, "files": None, "bytes": None, "sample": []}
        return about | unread | {"problem": str(error)}


def _look(table: DeltaTable, mask: _Mask) -> dict[str, Any]:
    actions = pa.table(table.get_add_actions(flatten=True))
    sample = _query(table, f"select * from t limit {SAMPLE_ROWS}")  # noqa: S608  a constant
    return {
        "version": table.version(),
        "rows": _rows(table, actions),
        "files": actions.num_rows,
        "bytes": sum(actions["size_bytes"].to_pylist()),
        "sample": [mask.row(row) for row in sample],
        "problem": None,
    }


def _runs(lake: str) -> list[dict[str, Any]]:
    table = open_table(lake, RUNS)
    with lake_errors(RUNS.full_name):
        rows = _query(table, f"select * from t order by started_at desc, job limit {RUN_ROWS}")  # noqa: S608
    counts = ("rows_read", "rows_written", "rows_quarantined", "duplicates", "rows_forgotten")
    kept = ("run_id", "job", "status", "started_at", "finished_at", *counts)
    return [plain({key: row.get(key) for key in kept}) for row in rows]


def _quarantine(lake: str) -> dict[str, Any]:
    table = open_table(lake, QUARANTINE)
    with lake_errors(QUARANTINE.full_name):
        rules = _query(
            table,
            "select rule, count(*) as rows from (select unnest(failed_rules) as rule from t) as broken "
            "group by rule order by rows desc, rule",
        )
        return {"rows": _rows(table, pa.table(table.get_add_actions(flatten=True))), "by_rule": plain(rules)}


def _stray_days(lake: str, release: PublishedRelease | None) -> list[dict[str, Any]]:
    """Return the days with too few users to be real, such as days of a wrong clock."""
    table = _open(lake, LAKE_DAILY, release)
    with lake_errors(LAKE_DAILY.full_name):
        days = _query(table, "select day, users from t order by day")
    is_stray = stray_days(np.array([row["users"] for row in days], dtype=np.float64))
    return [plain(row) for row, stray in zip(days, is_stray.tolist(), strict=True) if stray]
