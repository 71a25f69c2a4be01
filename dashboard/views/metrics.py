"""The metrics of an experiment: the scorecard, and one metric by segment."""

import streamlit as st

from abtest_lib import answers
from dashboard import labels, page, scorecard
from dashboard.client import Client
from dashboard.url_state import restore_choice, store_choice


def show(api: Client, name: str, day: str, verdict: answers.Verdict | None) -> None:
    """Show what an experiment did to its metrics; nothing if it has conversion alone.

    Args:
        api: The client.
        name: The experiment.
        day: The day.
        verdict: The verdict; the segments begin with the metric on which it rests.
    """
    results = api.metrics(name, day)
    of_everybody, segments = scorecard.of_everybody(results), scorecard.of_segments(results)
    if of_everybody:
        page.section(labels.SCORECARD_TITLE)
        st.html(scorecard.scorecard_table(of_everybody))
        page.download("metrics", list(scorecard.csv_rows(results)))
    if segments:
        page.section(labels.SEGMENTS_TITLE, labels.SEGMENTS_NOTE)
        decisive = None if verdict is None else verdict["metric"]
        names = dict.fromkeys(item["metric"] for item in segments)
        chosen = _pick_metric(sorted(names, key=lambda metric: metric != decisive))
        st.html(scorecard.segments_table([item for item in segments if item["metric"] == chosen]))


def _pick_metric(names: list[str]) -> str:
    if st.session_state.get("metric") not in names:  # chosen for another experiment
        st.session_state.pop("metric", None)
    restore_choice("metric", names)
    chosen: str = st.selectbox(labels.METRIC, names, key="metric")
    return store_choice("metric", chosen, names)
