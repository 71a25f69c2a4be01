"""Whether the numbers of an experiment are valid: checks, split, fit, funnel."""

from collections.abc import Sequence

import streamlit as st

from abtest_lib import answers
from dashboard import columns, formatting, labels, page, rows
from dashboard.charts import pipeline as pipeline_charts
from dashboard.client import Client


def show(api: Client, detail: answers.Experiment, day: str, point: answers.HistoryPoint) -> None:
    """Show the checks of one day."""
    page.section(labels.VALIDITY_TITLE)
    left, right = st.columns(2)
    with left:
        posterior = api.posterior(detail["name"], day)["variants"]
        page.table(columns.VALIDITY, rows.check_rows(point["verdict"], posterior))
    with right:
        page.table(columns.SPLIT, rows.split_rows(detail, point), labels.SPLIT_TITLE)
    page.section(labels.FUNNEL_TITLE, labels.FUNNEL_NOTE)
    show_funnel(api, detail["name"], day, point["variants"])


def show_funnel(api: Client, name: str, day: str, arms: Sequence[answers.Arm]) -> None:
    """Show the funnel of one day as a chart and as a table."""
    funnel = api.funnel(name, day)
    if not funnel["steps"]:
        st.write(labels.FUNNEL_NONE)
        return
    arm_names = {arm["id"]: formatting.arm_name(arm["id"], arm["role"]) for arm in arms}
    page.plot(pipeline_charts.funnel(funnel, arm_names), "funnel", labels.FUNNEL_TITLE)
    page.table(columns.FUNNEL, rows.funnel_rows(funnel, arm_names))
    page.download(
        "funnel", [{"step": step["event_name"], **arm} for step in funnel["steps"] for arm in step["variants"]]
    )
