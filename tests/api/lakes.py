"""Small consistent lakes, written with delta-rs from the contracts; no JVM."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from abtest_lib import contracts
from abtest_lib.contracts import TableContract

ARROW_TYPES = {
    "string": pa.string(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "array<string>": pa.list_(pa.string()),
    "map<string,bigint>": pa.map_(pa.string(), pa.int64()),
    "map<string,string>": pa.map_(pa.string(), pa.string()),
}
DAY_1, DAY_2 = date(2021, 8, 1), date(2021, 8, 2)
RANKING, WEIRD, LONELY = "search/ranking", 'päron|"x"\\ 100% #1?', "lonely"
USER_IDS = ["1234567", "7654321"]
Rows = list[dict[str, Any]]


def arrow_schema(contract: TableContract) -> pa.Schema:
    return pa.schema([pa.field(c.name, ARROW_TYPES[c.type], nullable=c.nullable) for c in contract.columns])


def write(lake: Path, contract: TableContract, rows: Rows, mode: str = "overwrite", **options: Any) -> int:
    """Write rows and return the table's version; columns that a row does not name are null."""
    full = [{name: row.get(name) for name in contract.column_names} for row in rows]
    table = pa.Table.from_pylist(full, schema=arrow_schema(contract))
    partition_by = list(contract.partition_by) or None
    write_deltalake(contract.path(str(lake)), table, partition_by=partition_by, mode=mode, **options)
    return DeltaTable(contract.path(str(lake))).version()


def publish(lake: Path, run_id: str, versions: Mapping[str, int], published_at: datetime | None = None) -> None:
    row = {"run_id": run_id, "published_at": published_at or datetime.now(UTC), "versions": list(versions.items())}
    write(lake, contracts.RELEASES, [row], mode="append")


def arm_rows(day: date, name: str, counts: Mapping[str, tuple[int, int]], **more: Any) -> Rows:
    return [
        {"day": day, "experiment_name": name, "variant_id": variant, "users": users, "purchases": bought, **more}
        for variant, (users, bought) in counts.items()
    ]


def daily() -> Rows:
    return [
        *arm_rows(DAY_1, RANKING, {"4915": (100, 5), "4916": (110, 8), "DEFAULT": (3, 0)}),
        *arm_rows(DAY_2, RANKING, {"4915": (90, 7), "4916": (95, 7)}),
        *arm_rows(DAY_1, WEIRD, {"A": (10, 1), "B": (11, 2)}),
        *arm_rows(DAY_2, LONELY, {"1": (4, 0)}),
    ]


def health() -> Rows:
    def row(day: date, name: str, people: int, to_date: int) -> dict[str, Any]:
        common = {"cross_exposed_users": 1, "cross_exposed_users_to_date": 2, "first_day": DAY_1, "days_running": 1}
        return common | {"day": day, "experiment_name": name, "participants": people, "participants_to_date": to_date}

    return [row(DAY_1, RANKING, 212, 212), row(DAY_2, RANKING, 184, 390), row(DAY_1, WEIRD, 21, 21)]


def to_date_rows() -> Rows:
    crossed = {"period_start": DAY_1, "cross_exposed_users": 1, "cross_exposed_purchases": 0}
    return [
        *arm_rows(DAY_1, RANKING, {"4915": (100, 4), "4916": (110, 6)}, **crossed),
        *arm_rows(DAY_2, RANKING, {"4915": (188, 11), "4916": (202, 14)}, **crossed),
    ]


def posteriors() -> Rows:
    def row(window: str, day: date, variant: str, best: float, **more: Any) -> dict[str, Any]:
        is_control = variant == "4915"
        return {
            "window": window, "metric": "purchase", "day": day, "experiment_name": RANKING, "variant_id": variant,
            "is_control": is_control, "users": 100, "purchases": 5, "conversion_mean": 0.05, "conversion_sd": 0.01,
            "interval_lower": 0.03, "interval_upper": 0.07, "hdi_lower": 0.031, "hdi_upper": 0.069,
            "probability_best": best, "expected_loss": 0.001, "engine": "exact", "status": "ok",
            "probability_beats_control": None if is_control else best, "model_version": "m1", "prior": "exponential",
            "lift_median": None if is_control else 0.25, "lift_lower": None if is_control else -0.1,
            "lift_upper": None if is_control else 0.7, "r_hat": float("nan"), **more,
        }  # fmt: skip

    return [
        row("day", DAY_1, "4915", 0.2), row("day", DAY_1, "4916", 0.8),
        row("to_date", DAY_1, "4915", 0.3), row("to_date", DAY_1, "4916", 0.7),
        row("to_date", DAY_2, "4915", 0.4), row("to_date", DAY_2, "4916", 0.6, seed=7, divergences=0),
    ]  # fmt: skip


def comparisons() -> Rows:
    return [
        {
            "window": "to_date", "metric": "purchase", "day": day, "experiment_name": RANKING, "variant_id": "4916",
            "control_id": "4915", "difference": 0.01, "difference_lower": -0.02, "difference_upper": 0.04,
            "decision_lower": -0.03, "decision_upper": 0.05, "statistic": 0.6, "boundary": boundary, "p_adjusted": 0.55,
            "chi_square": 0.36, "chi_square_dof": 1.0, "chi_square_p_value": 0.55, "segment": "all", "role": "goal",
            "status": "unproven", "users": 202, "control_users": 188, "value": 0.069, "control_value": 0.059,
        }
        for day, boundary in ((DAY_1, 4.3), (DAY_2, 2.9))
    ]  # fmt: skip


def verdicts() -> Rows:
    def row(day: date, name: str, decision: str, **more: Any) -> dict[str, Any]:
        return {
            "day": day, "experiment_name": name, "is_valid": decision != "invalid", "reasons": [], "decision": decision,
            "period_start": DAY_1, "srm_status": "ok", "model_version": "v1", "explanation": f"{name} is {decision}.",
            "metric": "purchase", **more,
        }  # fmt: skip

    judged = {"winner": "4916", "control_id": "4915", "srm_p_value": 0.5, "cross_exposed_share": 0.01}
    return [
        row(DAY_1, RANKING, "inconclusive", **judged),
        row(DAY_2, RANKING, "ship", decided_on=DAY_2, information_fraction=0.75, **judged),
        row(DAY_1, WEIRD, "invalid", reasons=["srm", "arm_started_late"], srm_status="mismatch"),
    ]


def funnel() -> Rows:
    return [
        row | {"event_name": event}
        for event, rows in (
            ("BUY", arm_rows(DAY_1, RANKING, {"4915": (5, 5), "4916": (8, 8)})),
            ("SEARCH", arm_rows(DAY_1, RANKING, {"4915": (99, 5), "4916": (108, 8), "DEFAULT": (3, 0)})),
        )
        for row in rows
    ]


def lake_days() -> Rows:
    """Two ordinary days, and one event of a wrong clock."""
    days = {DAY_1: 300, DAY_2: 280, date(2009, 1, 5): 1}
    return [{"day": day, "users": users, "events": 2 * users, "quarantined_rows": 0} for day, users in days.items()]


GOLD = (
    (contracts.EXPERIMENT_DAILY, daily),
    (contracts.EXPERIMENT_HEALTH, health),
    (contracts.EXPERIMENT_TO_DATE, to_date_rows),
    (contracts.POSTERIORS, posteriors),
    (contracts.COMPARISONS, comparisons),
    (contracts.VERDICTS, verdicts),
    (contracts.FUNNEL_DAILY, funnel),
    (contracts.LAKE_DAILY, lake_days),
)
BY_NAME = {contract.full_name: (contract, rows) for contract, rows in GOLD}


def write_gold(lake: Path, without: Iterable[str] = ()) -> dict[str, int]:
    left_out = set(without)
    return {
        name: write(lake, contract, rows())
        for name, (contract, rows) in BY_NAME.items()
        if contract.name not in left_out
    }


def write_people(lake: Path) -> None:
    """Bronze, silver and quarantine: the tables with ids of people."""
    at = datetime(2021, 8, 1, 12, tzinfo=UTC)
    base = {"timestamp": at, "event_name": "SEARCH", "site": "MLA", "experiments": "{}", "ingested_at": at}
    people = [base | {"user_id": user, "row_id": f"r{user}", "event_date": DAY_1} for user in USER_IDS]
    write(lake, contracts.EVENTS, [row | {"source_file": "/secret/folder/events.csv"} for row in people])
    exposed = {"day": DAY_1, "experiment_name": RANKING, "variant_id": "4915", "flag_purchase": False}
    write(lake, contracts.EXPOSURES, [row | exposed for row in people])
    write(lake, contracts.PURCHASES, people)
    joined = {"experiment_name": RANKING, "variant_id": "4915", "first_exposed_at": at}
    write(lake, contracts.PARTICIPANTS, [joined | {"user_id": user} for user in USER_IDS])
    rejected = {"quarantined_at": at, "source_file": "s3://bucket/in/events.csv", "timestamp": "yesterday"}
    write(
        lake,
        contracts.QUARANTINE,
        [
            rejected | {"row_id": "q1", "failed_rules": ["bad_timestamp"], "user_id": USER_IDS[0]},
            rejected
            | {"row_id": "q2", "failed_rules": ["bad_timestamp", "no_user"], "raw_record": f"a,{USER_IDS[1]},b"},
        ],
    )


def write_runs(lake: Path) -> None:
    start = datetime(2021, 8, 3, 4, tzinfo=UTC)
    row = {"status": "succeeded", "rows_read": 4, "rows_written": 2, "rows_quarantined": 2, "duplicates": 0}
    shared = {"input_versions": [], "output_versions": [], "config_hash": "c", "code_version": "0"}
    jobs = ("ingest_bronze", "build_silver")
    rows = [
        {**row, **shared, "run_id": "run-1", "job": job, "started_at": start + timedelta(minutes=minute)}
        for minute, job in enumerate(jobs)
    ]
    write(lake, contracts.RUNS, [row | {"finished_at": row["started_at"]} for row in rows])


def build_lake(lake: Path, without: Iterable[str] = (), run_id: str = "run-1") -> Path:
    write_people(lake)
    write_runs(lake)
    publish(lake, run_id, write_gold(lake, without))
    return lake
