"""The pipeline: what came in, what was rejected, what the tables hold."""

import json
from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from dashboard import figures_lake, page, shapes_lake, texts, words
from dashboard.client import Client
from dashboard.picker import pick_day, pick_experiment
from dashboard.views import validity

_SAMPLE = 20
_LONGEST_CELL = 80
_INGEST = "ingest_bronze"


def show() -> None:
    """Show the page."""
    api = page.client()
    st.write(texts.PIPELINE_LEAD)
    quality, tables = api.quality(), api.tables()
    ingested = next((run for run in quality["runs"] if run["job"] == _INGEST and run["rows_read"] is not None), None)
    _tiles(quality, ingested)
    left, right = st.columns([3, 2])
    with left:
        _flow(ingested)
    with right:
        _rules(quality["quarantine"])
    _tables(tables)
    _sample(api, tables)
    _runs(quality["runs"])
    page.section(texts.PIPELINE_FUNNEL, texts.FUNNEL_NOTE)
    name = pick_experiment(api)
    if name is not None:
        detail = api.experiment(name)
        day = pick_day(detail)
        names = {arm["id"]: words.arm(arm["id"], arm["role"]) for arm in detail["arms"]}
        validity.funnel(api, detail["name"], day, names)


def _tiles(quality: shapes_lake.Quality, ingested: shapes_lake.Run | None) -> None:
    fresh = quality["freshness"]
    tiles = (
        (texts.LAST_DAY, fresh["last_day"] or texts.DASH),
        (texts.ROWS_READ, words.count(ingested["rows_read"] if ingested else None)),
        (texts.REJECTED, words.count(quality["quarantine"]["rows"])),
        (texts.PUBLISHED, words.instant(fresh["published_at"])),
    )
    with st.container(horizontal=True):
        for label, value in tiles:
            st.metric(label, value, border=True)


def _flow(run: shapes_lake.Run | None) -> None:
    page.section(texts.FLOW_TITLE)
    if run is None or not run["rows_read"]:
        st.write(texts.FLOW_NONE)
        return
    read, new = run["rows_read"], run["rows_written"] or 0
    duplicates, rejected = run["duplicates"] or 0, run["rows_quarantined"] or 0
    forgotten = run["rows_forgotten"] or 0
    more = texts.FLOW_NOTE_FORGOTTEN.format(forgotten=forgotten) if forgotten else ""
    said = {"read": read, "new": new, "duplicates": duplicates, "rejected": rejected, "forgotten": more}
    if read == new + duplicates + rejected + forgotten:
        st.caption(texts.FLOW_NOTE.format(**said))
    else:
        st.error(texts.FLOW_BROKEN.format(**said))
    page.chart(figures_lake.flow(read, new, duplicates, rejected, forgotten), "flow", texts.FLOW_TITLE)


def _rules(quarantine: shapes_lake.Quarantine) -> None:
    page.section(texts.RULES_TITLE, texts.RULES_NOTE)
    if not quarantine["by_rule"]:
        st.write(texts.RULES_NONE)
        return
    page.chart(figures_lake.rules(quarantine["by_rule"]), "quarantine", texts.RULES_TITLE)
    page.download("quarantine", quarantine["by_rule"])


def _tables(tables: Sequence[shapes_lake.TableSummary]) -> None:
    page.section(texts.TABLES_TITLE)
    rows = [
        {
            "table": f"{table['layer']}/{table['table']}",
            "grain": table["grain"],
            "rows": words.count(table["rows"]),
            "files": words.count(table["files"]),
            "size": words.size(table["bytes"]),
            "version": words.count(table["version"]),
            "problem": table["problem"] or "",
        }
        for table in tables
    ]
    has_problem = any(row["problem"] for row in rows)
    columns = {key: title for key, title in texts.TABLE_COLUMNS.items() if has_problem or key != "problem"}
    page.table(columns, rows, "", "rows files size version")
    page.download("tables", tables)


def _sample(api: Client, tables: Sequence[shapes_lake.TableSummary]) -> None:
    page.section(texts.SAMPLE_TITLE)
    names = [f"{table['layer']}/{table['table']}" for table in tables]
    chosen: str = st.selectbox(texts.TABLE_LABEL, names, key="table", bind="query-params")
    layer, _, name = chosen.partition("/")
    found = api.table(layer, name, _SAMPLE)
    columns = [column["name"] for column in found["columns"]]
    if found["sample"]:
        cells = [[_cell(row.get(column)) for column in columns] for row in found["sample"]]
        page.wide_table(columns, cells, chosen)
        st.caption(texts.SAMPLE_NOTE.format(shown=len(cells), rows=words.count(found["rows"])))
        page.download(f"{layer}-{name}", found["sample"])
    else:
        st.write(found["problem"] or texts.SAMPLE_NONE)
    with st.expander(texts.COLUMNS_TITLE.format(table=chosen)):
        rows = [{"name": one["name"], "type": one["type"], "meaning": one["meaning"]} for one in found["columns"]]
        page.table(texts.COLUMN_COLUMNS, rows)


def _cell(value: object) -> str:
    if value is None:
        return texts.DASH
    if isinstance(value, float):
        return f"{value:,.6f}".rstrip("0").rstrip(".") if abs(value) >= 1e-6 or not value else "< 0.000001"  # noqa: PLR2004
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - 1] + "…"


def _runs(runs: Sequence[shapes_lake.Run]) -> None:
    page.section(texts.RUNS_TITLE)
    if not runs:
        st.write(texts.RUNS_NONE)
        return
    rows = [
        {
            "started": words.instant(run["started_at"]).removesuffix(" UTC"),
            "job": run["job"],
            "status": run["status"],
            "seconds": _seconds(run),
            "read": words.count(run["rows_read"]),
            "written": words.count(run["rows_written"]),
            "rejected": words.count(run["rows_quarantined"]),
            "duplicates": words.count(run["duplicates"]),
            "forgotten": words.count(run["rows_forgotten"]),
            "run": run["run_id"],
        }
        for run in runs
    ]
    page.table(texts.RUN_COLUMNS, rows, "", "seconds read written rejected duplicates forgotten")
    page.download("runs", runs)


def _seconds(run: shapes_lake.Run) -> str:
    if run["started_at"] is None or run["finished_at"] is None:
        return texts.DASH
    took = datetime.fromisoformat(run["finished_at"]) - datetime.fromisoformat(run["started_at"])
    return words.number(took.total_seconds(), 1)
