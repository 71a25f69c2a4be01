"""May the numbers of an experiment be believed: checks, split, computation, funnel."""

import streamlit as st

from dashboard import figures_lake, page, rows, shapes, texts, words
from dashboard.client import Client


def show(api: Client, detail: shapes.Experiment, day: str, now: shapes.Point) -> None:
    """Show the checks of one day."""
    page.section(texts.VALIDITY_TITLE)
    left, right = st.columns(2)
    with left:
        believed = api.posterior(detail["name"], day)["variants"]
        page.table(texts.VALIDITY_COLUMNS, rows.checks(now["verdict"], believed))
    with right:
        page.table(texts.SPLIT_COLUMNS, rows.split(detail, now), texts.SPLIT_TITLE, "users share declared")
    page.section(texts.FUNNEL_TITLE, texts.FUNNEL_NOTE)
    funnel(api, detail["name"], day, {arm["id"]: words.arm(arm["id"], arm["role"]) for arm in now["variants"]})


def funnel(api: Client, name: str, day: str, names: dict[shapes.VariantId, str]) -> None:
    """The funnel of one day, as a figure and as a table."""
    found = api.funnel(name, day)
    if not found["steps"]:
        st.write(texts.FUNNEL_NONE)
        return
    page.chart(figures_lake.funnel(found, names), "funnel", texts.FUNNEL_TITLE)
    page.table(texts.FUNNEL_COLUMNS, rows.funnel(found, names), "", "users purchases")
    page.download(
        "funnel", [{"step": step["event_name"], **arm} for step in found["steps"] for arm in step["variants"]]
    )
