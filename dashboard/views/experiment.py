"""One experiment on one day: the verdict, then the numbers behind it."""

from collections.abc import Sequence

import streamlit as st

from abtest_lib import answers
from abtest_lib.contracts.enums import Window
from dashboard import formatting, labels, markup, page, rows
from dashboard.charts import experiment as experiment_charts
from dashboard.client import Client
from dashboard.picker import pick_day, pick_experiment
from dashboard.url_state import restore_choice, store_choice
from dashboard.views import arms, metrics, validity

_FEWEST_ARMS = 2


def show() -> None:
    """Show the page."""
    api = page.client()
    name = pick_experiment(api)
    if name is None:
        return
    detail = api.experiment(name)
    day = pick_day(detail)
    history = api.history(detail["name"], day)
    point = history["points"][-1]
    judged = rows.without_fallbacks(point["variants"])
    _verdict(point["verdict"])
    _tiles(point, len(history["points"]))
    metrics.show(api, detail["name"], day, point["verdict"])
    _estimates(api, detail["name"], day, point["variants"])
    _history(api, detail["name"], day, history, judged)
    arms.differences(judged)
    arms.chi_square(point["chi_square"], judged)
    validity.show(api, detail, day, point)
    page.show_release(detail["release"])


def _verdict(verdict: answers.Verdict | None) -> None:
    if verdict is None:
        page.show_message(formatting.decision_name(None), labels.NOT_JUDGED)
        return
    if not verdict["is_valid"]:
        st.error(f"**{labels.INVALID_TITLE}**", icon=":material/block:")
    st.html(markup.verdict(verdict["decision"], verdict["explanation"], rows.reason_sentences(verdict["reasons"])))


def _tiles(point: answers.HistoryPoint, days: int) -> None:
    arms_seen = sum(bool(arm["users"]) for arm in rows.without_fallbacks(point["variants"]))
    page.metrics(
        {
            labels.PEOPLE_TO_DATE: formatting.count(point["participants_to_date"]),
            labels.PEOPLE_DAY: formatting.count(point["participants"]),
            labels.ARMS: formatting.count(arms_seen),
            labels.DAYS_RUNNING: formatting.count(days),
        }
    )


def _pick_window() -> str:
    windows = [str(window) for window in labels.WINDOWS]
    restore_choice("window", windows)
    chosen = st.segmented_control(
        labels.WINDOW, windows, required=True, key="window", format_func=labels.WINDOWS.__getitem__
    )
    return store_choice("window", chosen, windows)


def _estimates(api: Client, name: str, day: str, to_date: Sequence[answers.HistoryVariant]) -> None:
    """Show the table and the charts of the arms, to date or of the day alone."""
    page.section(labels.ARMS_TITLE)
    window = _pick_window()
    shown = rows.control_first(to_date if window == Window.TO_DATE else _arms_of_day(api, name, day))
    arms.estimates(shown, f"{name} {day} {window}")
    judged = rows.without_fallbacks(shown)
    if not judged:
        return
    left, right = st.columns(2)
    with left:
        chart = experiment_charts.conversion(judged)
        page.chart(chart, "conversion", labels.CONVERSION_TITLE, labels.CONVERSION_NOTE)
    with right:
        _posterior(api.posterior(name, day, window)["variants"], judged)
    left, right = st.columns(2)
    with left:
        page.chart(experiment_charts.lift(judged), "lift", labels.LIFT_TITLE, labels.LIFT_NOTE)
    with right:
        page.chart(experiment_charts.loss(judged), "expected-loss", labels.LOSS_TITLE, labels.LOSS_NOTE)


def _arms_of_day(api: Client, name: str, day: str) -> list[answers.HistoryVariant]:
    point = api.history(name, day, Window.DAY)["points"][-1]
    return [arm for arm in point["variants"] if arm["users"] is not None]


def _posterior(posterior: Sequence[answers.PosteriorVariant], judged: Sequence[answers.HistoryVariant]) -> None:
    known = rows.posteriors_of(judged, posterior)
    chart = experiment_charts.posterior(known) if any(arm["density"] for arm in known) else None
    page.chart(chart, "posterior", labels.POSTERIOR_TITLE, labels.POSTERIOR_NOTE, labels.POSTERIOR_NONE)


def _history(
    api: Client, name: str, day: str, to_date: answers.History, judged: Sequence[answers.HistoryVariant]
) -> None:
    """Show the charts over days, with a download."""
    points, day_points = to_date["points"], api.history(name, day, Window.DAY)["points"]
    left, right = st.columns(2)
    for column, window, shown in ((left, Window.TO_DATE, points), (right, Window.DAY, day_points)):
        with column:
            chart = experiment_charts.trend(shown, judged)
            page.chart(chart, f"trend-{window}", labels.TREND_TITLE[window], labels.TREND_NOTE[window])
    if len(judged) < _FEWEST_ARMS:
        return
    with left:
        chart = experiment_charts.boundary(points, judged)
        page.chart(chart, "boundary", labels.BOUNDARY_TITLE, labels.BOUNDARY_NOTE, labels.BOUNDARY_NONE)
    with right:
        chart = experiment_charts.best(points, judged)
        page.chart(chart, "probability-best", labels.BEST_TITLE, labels.BEST_NOTE, labels.POSTERIOR_NONE)
    page.download("history", [{"day": point["day"], **arm} for point in points for arm in point["variants"]])
