"""The pipeline: which rows came in, which were rejected, what the tables contain."""

import json
from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from abtest_lib import answers
from dashboard import columns, formatting, labels, page
from dashboard.charts import pipeline as pipeline_charts
from dashboard.client import Client
from dashboard.picker import pick_day, pick_experiment
from dashboard.views import validity

_SAMPLE = 20
_MOST_STRAY_DAYS = 10
_LONGEST_CELL = 80
_SMALLEST_FLOAT = 1e-6
_INGEST = "ingest_bronze"


def show() -> None:
    """Show the page."""
    api = page.client()
    st.write(labels.PIPELINE_LEAD)
    quality, tables = api.quality(), api.tables()
    runs = quality["runs"]
    ingest = next((run for run in runs if run["job"] == _INGEST and run["rows_read"] is not None), None)
    _tiles(quality, ingest)
    left, right = st.columns([3, 2])
    with left:
        _flow(ingest)
    with right:
        _quarantine(quality["quarantine"])
    _stray_days(quality.get("stray_days", []))
    _tables(tables)
    _sample(api, tables)
    _runs(runs)
    _funnel(api)


def _tiles(quality: answers.Quality, ingest: answers.Run | None) -> None:
    freshness = quality["freshness"]
    page.metrics(
        {
            labels.LAST_DAY: freshness["last_day"] or labels.DASH,
            labels.ROWS_READ: formatting.count(ingest["rows_read"] if ingest else None),
            labels.REJECTED: formatting.count(quality["quarantine"]["rows"]),
            labels.PUBLISHED: formatting.utc_minute(freshness["published_at"]),
        }
    )


def _flow(run: answers.Run | None) -> None:
    page.section(labels.FLOW_TITLE)
    if run is None or not run["rows_read"]:
        st.write(labels.FLOW_NONE)
        return
    read, new = run["rows_read"], run["rows_written"] or 0
    duplicates, rejected = run["duplicates"] or 0, run["rows_quarantined"] or 0
    forgotten = run["rows_forgotten"] or 0
    more = labels.FLOW_NOTE_FORGOTTEN.format(forgotten=forgotten) if forgotten else ""
    counts = {"read": read, "new": new, "duplicates": duplicates, "rejected": rejected, "forgotten": more}
    if read == new + duplicates + rejected + forgotten:
        st.caption(labels.FLOW_NOTE.format(**counts))
    else:
        st.error(labels.FLOW_BROKEN.format(**counts))
    page.plot(pipeline_charts.flow(read, new, duplicates, rejected, forgotten), "flow", labels.FLOW_TITLE)


def _quarantine(quarantine: answers.Quarantine) -> None:
    by_rule = quarantine["by_rule"]
    chart = pipeline_charts.rejected_rows(by_rule) if by_rule else None
    page.chart(chart, "quarantine", labels.QUARANTINE_TITLE, labels.QUARANTINE_NOTE, labels.QUARANTINE_NONE)
    page.download("quarantine", by_rule)


def _stray_days(days: Sequence[answers.StrayDay]) -> None:
    if days:
        listed = ", ".join(f"{day['day']} ({formatting.count(day['users'])})" for day in days[:_MOST_STRAY_DAYS])
        more = labels.AND_MORE.format(number=len(days) - _MOST_STRAY_DAYS) if len(days) > _MOST_STRAY_DAYS else ""
        st.caption(labels.STRAY_DAYS.format(days=listed + more))


def _tables(tables: Sequence[answers.TableSummary]) -> None:
    page.section(labels.TABLES_TITLE)
    has_problem = any(table["problem"] for table in tables)
    shown = columns.TABLES if has_problem else columns.TABLES.without("problem")
    page.table(shown, [_table_row(table) for table in tables])
    page.download("tables", tables)


def _table_row(table: answers.TableSummary) -> dict[str, str]:
    return {
        "table": f"{table['layer']}/{table['table']}",
        "grain": table["grain"],
        "rows": formatting.count(table["rows"]),
        "files": formatting.count(table["files"]),
        "size": formatting.byte_size(table["bytes"]),
        "version": formatting.count(table["version"]),
        "problem": table["problem"] or "",
    }


def _sample(api: Client, tables: Sequence[answers.TableSummary]) -> None:
    page.section(labels.SAMPLE_TITLE)
    names = [f"{table['layer']}/{table['table']}" for table in tables]
    chosen: str = st.selectbox(labels.TABLE_LABEL, names, key="table", bind="query-params")
    layer, _, table = chosen.partition("/")
    detail = api.table(layer, table, _SAMPLE)
    names = [column["name"] for column in detail["columns"]]
    if detail["sample"]:
        cells = [[_cell(row.get(name)) for name in names] for row in detail["sample"]]
        page.wide_table(names, cells, chosen)
        st.caption(labels.SAMPLE_NOTE.format(shown=len(cells), rows=formatting.count(detail["rows"])))
        page.download(f"{layer}-{table}", detail["sample"])
    else:
        st.write(detail["problem"] or labels.SAMPLE_NONE)
    with st.expander(labels.COLUMNS_TITLE.format(table=chosen)):
        page.table(columns.TABLE_COLUMNS, [_column_row(column) for column in detail["columns"]])


def _column_row(column: answers.TableColumn) -> dict[str, str]:
    return {"name": column["name"], "type": column["type"], "meaning": column["meaning"]}


def _cell(value: object) -> str:
    if value is None:
        return labels.DASH
    if isinstance(value, float):
        is_tiny = 0 < abs(value) < _SMALLEST_FLOAT
        return "< 0.000001" if is_tiny else f"{value:,.6f}".rstrip("0").rstrip(".")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - 1] + "…"


def _runs(runs: Sequence[answers.Run]) -> None:
    page.section(labels.RUNS_TITLE)
    if not runs:
        st.write(labels.RUNS_NONE)
        return
    page.table(columns.RUNS, [_run_row(run) for run in runs])
    page.download("runs", runs)


def _run_row(run: answers.Run) -> dict[str, str]:
    return {
        "started": formatting.utc_minute(run["started_at"]).removesuffix(" UTC"),
        "job": run["job"],
        "status": run["status"],
        "seconds": _seconds(run),
        "read": formatting.count(run["rows_read"]),
        "written": formatting.count(run["rows_written"]),
        "rejected": formatting.count(run["rows_quarantined"]),
        "duplicates": formatting.count(run["duplicates"]),
        "forgotten": formatting.count(run["rows_forgotten"]),
        "run": run["run_id"],
    }


def _seconds(run: answers.Run) -> str:
    if run["started_at"] is None or run["finished_at"] is None:
        return labels.DASH
    took = datetime.fromisoformat(run["finished_at"]) - datetime.fromisoformat(run["started_at"])
    return formatting.number(took.total_seconds(), 1)


def _funnel(api: Client) -> None:
    page.section(labels.PIPELINE_FUNNEL, labels.FUNNEL_NOTE)
    name = pick_experiment(api)
    if name is not None:
        detail = api.experiment(name)
        validity.show_funnel(api, detail["name"], pick_day(detail), detail["arms"])
