"""What docs/operations.md and the alerts name must exist: columns, metrics, figures."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import duckdb
import pytest
import yaml
from fastapi import APIRouter
from fastapi.routing import APIRoute
from prometheus_client.parser import text_string_to_metric_families

from abtest_lib import contracts
from abtest_lib.contracts.table import TableContract
from api.http.metrics import Metrics
from api.routes import experiments as experiment_routes
from api.routes import lake as lake_routes
from api.store.service import Service
from deploy.sizing import load, size_for

TABLES = [table for table in vars(contracts).values() if isinstance(table, TableContract)]
DUCKDB_TYPES = {
    "string": "varchar",
    "array<string>": "varchar[]",
    "map<string,bigint>": "map(varchar, bigint)",
    "map<string,string>": "map(varchar, varchar)",
}
NOW = datetime.now(UTC)
INGESTED = {"run_id": "a", "job": "ingest_bronze", "status": "succeeded", "started_at": NOW, "finished_at": NOW}


@pytest.fixture
def queries(root: Path) -> list[str]:
    text = (root / "docs" / "operations.md").read_text(encoding="utf-8")
    found = re.findall(
        r"^-- .*?;$", "\n".join(re.findall(r"```sql\n(.*?)```", text, re.DOTALL)), re.DOTALL | re.MULTILINE
    )
    assert len(found) >= 5
    return found


@pytest.fixture
def lake() -> duckdb.DuckDBPyConnection:
    """The lake's tables, empty, under the names that the queries use."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for table in TABLES:
        columns = ", ".join(f'"{column.name}" {DUCKDB_TYPES.get(column.type, column.type)}' for column in table.columns)
        connection.execute(f'CREATE TABLE "{table.full_name}" ({columns.replace(" timestamp", " timestamptz")})')
    return connection


def asked(lake: duckdb.DuckDBPyConnection, queries: list[str], about: str) -> list[tuple[Any, ...]]:
    (query,) = [query for query in queries if about in query.splitlines()[0]]
    return lake.execute(re.sub(r"delta\.`LAKE/([a-z_/]+)`", r'"\1"', query)).fetchall()


def put(lake: duckdb.DuckDBPyConnection, table: str, **values: object) -> None:
    names, marks = ", ".join(f'"{name}"' for name in values), ", ".join("?" for _ in values)
    lake.execute(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', list(values.values()))  # noqa: S608


def test_every_query_runs_on_the_contracts(queries: list[str], lake: duckdb.DuckDBPyConnection) -> None:
    for query in queries:
        assert asked(lake, queries, query.splitlines()[0]) == [], "an empty lake raises no alert"


def test_an_old_release_is_found(queries: list[str], lake: duckdb.DuckDBPyConnection) -> None:
    put(lake, "ops/releases", run_id="a", published_at=NOW - timedelta(hours=50))
    assert len(asked(lake, queries, "freshness")) == 1
    put(lake, "ops/releases", run_id="b", published_at=NOW - timedelta(hours=2))
    assert asked(lake, queries, "freshness") == []


def test_failed_steps_are_found(queries: list[str], lake: duckdb.DuckDBPyConnection) -> None:
    told = {"run_id": "a", "started_at": NOW, "finished_at": NOW}
    put(lake, "ops/runs", job="decide", status="succeeded", **told)
    assert asked(lake, queries, "failed steps") == []
    put(lake, "ops/runs", job="fit_bayes", status="failed", **told)
    assert [row[1] for row in asked(lake, queries, "failed steps")] == ["fit_bayes"]


@pytest.mark.parametrize(("rejected", "is_told"), [(0, False), (5, False), (20, True)])
def test_much_quarantine_is_found(
    rejected: int,
    is_told: bool,  # noqa: FBT001
    queries: list[str],
    lake: duckdb.DuckDBPyConnection,
) -> None:
    counts = {"rows_read": 1_000, "rows_quarantined": rejected, "rows_written": 1_000 - rejected, "duplicates": 0}
    put(
        lake, "ops/runs", run_id="a", job="ingest_bronze", status="succeeded", started_at=NOW, finished_at=NOW, **counts
    )
    assert bool(asked(lake, queries, "quarantine")) is is_told
    assert asked(lake, queries, "conservation") == []


def test_lost_rows_are_found(queries: list[str], lake: duckdb.DuckDBPyConnection) -> None:
    counts = {"rows_read": 1_000, "rows_quarantined": 1, "rows_written": 900, "duplicates": 98}
    put(
        lake, "ops/runs", run_id="a", job="ingest_bronze", status="succeeded", started_at=NOW, finished_at=NOW, **counts
    )
    assert len(asked(lake, queries, "conservation")) == 1


def test_failed_groups_are_found(queries: list[str], lake: duckdb.DuckDBPyConnection) -> None:
    for status in ("ok", "refitted"):
        put(lake, "gold/posteriors", experiment_name=status, day=NOW.date(), status=status)
    assert asked(lake, queries, "failed groups") == []
    put(lake, "gold/posteriors", experiment_name="x", day=NOW.date(), status="failed", reason="divergences")
    assert [row[1] for row in asked(lake, queries, "failed groups")] == ["x"]


def known_metrics() -> set[str]:
    """The names of all samples, with one request counted and a release at hand."""
    snapshot = SimpleNamespace(days={}, age_seconds=1.0)
    service = cast("Service", SimpleNamespace(snapshot=snapshot, problems=(), lake_readable=True))
    metrics = Metrics(service)
    metrics.observe("GET", "/experiment/{name}/result", 200, 0.01)
    families = text_string_to_metric_families(metrics.text().decode())
    return {sample.name for family in families for sample in family.samples}


def test_metrics_in_alerts_and_manual_exist(root: Path) -> None:
    rules = yaml.safe_load((root / "deploy" / "alerts.yml").read_text(encoding="utf-8"))["groups"][0]["rules"]
    manual = (root / "docs" / "operations.md").read_text(encoding="utf-8")
    in_rules = {name for rule in rules for name in re.findall(r"\babtest_api_\w+", rule["expr"])}
    named = in_rules | set(re.findall(r"\babtest_api_\w+", manual))
    assert len(in_rules) >= 5
    assert named <= known_metrics()


def test_routes_in_alerts_exist(root: Path) -> None:
    routes = set(re.findall(r'route!?="([^"]+)"', (root / "deploy" / "alerts.yml").read_text(encoding="utf-8")))
    assert len(routes) == 2
    known = {route for router in (experiment_routes.router, lake_routes.router) for route in _templates(router)}
    assert routes <= known


def _templates(router: APIRouter) -> set[str]:
    return {route.path_format for route in router.routes if isinstance(route, APIRoute)}


@pytest.mark.parametrize(("file", "minutes", "engine"), [("operations.md", 60, "mcmc"), ("scale.md", 120, "exact")])
def test_sizes_in_the_manuals_are_the_computed_ones(file: str, minutes: int, engine: str, root: Path) -> None:
    text = (root / "docs" / file).read_text(encoding="utf-8")
    table = text.split("<!-- sizes -->\n")[1].split("\n\n")[0]
    rows = [[cell.strip().replace(",", "") for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    assert rows
    for events, experiments, executors, run, serverless, ec2, databricks, grown in rows:
        size = size_for(int(events), minutes, experiments=int(experiments), engine=engine)
        told = (size.executors, round(size.minutes), *(round(value, 2) for value in size.dollars.values()))
        assert told == (int(executors), int(run), float(serverless), float(ec2), float(databricks)), events
        assert round(size.lake_gb_a_day, 1) == float(grown)


def test_measured_rates_are_those_of_the_benchmarks(root: Path) -> None:
    """The figures in rates.yaml, recomputed from what the benchmarks' own pages tell."""
    rates = load("rates")
    etl = (root / "benchmarks" / "etl" / "README.md").read_text(encoding="utf-8")
    rows, seconds, megabytes = re.findall(r"\| ×10 \| ([\d,]+) \| spark \| ([\d.]+) \|.*\| (\d+) MB \|", etl)[0]
    events = int(rows.replace(",", ""))
    assert rates["events_per_core_second"] == pytest.approx(events / float(seconds) / 2, rel=0.01)
    assert rates["lake_bytes_per_event"] == pytest.approx(int(megabytes) * 1e6 / events, rel=0.01)
    bayes = (root / "benchmarks" / "bayes" / "README.md").read_text(encoding="utf-8")
    for engine, rate in rates["groups_per_core_second"].items():
        assert re.search(rf"^\| {engine} \| [\d,]+ \| [\d.]+ \| {rate} \|", bayes, re.MULTILINE), engine
    decide = (root / "benchmarks" / "decide" / "README.md").read_text(encoding="utf-8")
    (spent,) = re.findall(r"\| unplanned \| 100,000 \| ([\d.]+) \|", decide)
    assert rates["verdicts_per_core_second"] == pytest.approx(100_000 / (float(spent) * 2), rel=0.01)
