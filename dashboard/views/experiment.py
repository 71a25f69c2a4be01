"""One experiment on one day, from the verdict to the counts that it rests on."""

from collections.abc import Sequence

import streamlit as st

from dashboard import figures, markup, page, rows, shapes, texts, words
from dashboard.address import keep, recall
from dashboard.client import Client
from dashboard.picker import pick_day, pick_experiment
from dashboard.views import arms, validity

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
    now = history["points"][-1]
    _verdict(now)
    _tiles(now, len(history["points"]))
    judged = rows.judged(now["variants"])
    _numbers(api, detail["name"], day, rows.in_order(now["variants"]))
    _charts(api, detail["name"], day, history, judged)
    arms.differences(judged)
    arms.chi_square(now, judged)
    validity.show(api, detail, day, now)
    page.release_line(detail["release"])


def _verdict(now: shapes.Point) -> None:
    verdict = now["verdict"]
    if verdict is None:
        page.state(words.decision(None), texts.NOT_JUDGED)
        return
    if not verdict["is_valid"]:
        st.error(f"**{texts.INVALID_TITLE}**", icon=":material/block:")
    reasons = "".join(f"<li>{markup.cell_html(sentence)}</li>" for sentence in rows.sentences(verdict["reasons"]))
    st.html(
        f"<div class='ab-verdict'>{markup.badge(verdict['decision']).html} "
        f"<strong>{markup.cell_html(words.prose(verdict['explanation']))}</strong>"
        f"<p>{texts.REASONS}</p><ul>{reasons}</ul></div>"
    )


def _tiles(now: shapes.Point, days: int) -> None:
    arms_seen = sum(arm["role"] != "fallback" and bool(arm["users"]) for arm in now["variants"])
    tiles = (
        (texts.PEOPLE_TO_DATE, words.count(now["participants_to_date"])),
        (texts.PEOPLE_DAY, words.count(now["participants"])),
        (texts.ARMS, words.count(arms_seen)),
        (texts.DAYS_RUNNING, words.count(days)),
    )
    with st.container(horizontal=True):
        for label, value in tiles:
            st.metric(label, value, border=True)


def _window() -> str:
    windows = list(texts.WINDOWS)
    recall("window", windows)
    chosen = st.segmented_control(
        texts.WINDOW, windows, required=True, key="window", format_func=texts.WINDOWS.__getitem__
    )
    return keep("window", chosen, windows)


def _numbers(api: Client, name: str, day: str, to_date: Sequence[shapes.HistoryArm]) -> None:
    page.section(texts.ARMS_TITLE)
    window = _window()
    shown = to_date
    if window == "day":
        today = api.history(name, day, window="day")["points"][-1]
        shown = rows.in_order([arm for arm in today["variants"] if arm["users"] is not None])
    arms.table(shown, f"{name} {day} {window}")
    judged = [arm for arm in shown if arm["role"] != "fallback"]
    if not judged:
        return
    left, right = st.columns(2)
    with left:
        page.section(texts.CONVERSION_TITLE, texts.CONVERSION_NOTE)
        page.chart(figures.conversion(judged), "conversion", texts.CONVERSION_TITLE)
    with right:
        page.section(texts.POSTERIOR_TITLE, texts.POSTERIOR_NOTE)
        believed = {arm["id"]: arm for arm in api.posterior(name, day, window)["variants"]}
        dense = [believed[arm["id"]] for arm in judged if arm["id"] in believed]
        if any(arm["density"] for arm in dense):
            page.chart(figures.posterior(dense), "posterior", texts.POSTERIOR_TITLE)
        else:
            st.write(texts.POSTERIOR_NONE)
    _gains(judged)


def _gains(judged: Sequence[shapes.HistoryArm]) -> None:
    lift, loss = figures.lift(judged), figures.loss(judged)
    left, right = st.columns(2)
    if lift is not None:
        with left:
            page.section(texts.LIFT_TITLE, texts.LIFT_NOTE)
            page.chart(lift, "lift", texts.LIFT_TITLE)
    if loss is not None:
        with right:
            page.section(texts.LOSS_TITLE, texts.LOSS_NOTE)
            page.chart(loss, "expected-loss", texts.LOSS_TITLE)


def _charts(api: Client, name: str, day: str, history: shapes.History, judged: Sequence[shapes.HistoryArm]) -> None:
    left, right = st.columns(2)
    for place, window in ((left, "to_date"), (right, "day")):
        series = history if window == "to_date" else api.history(name, day, window="day")
        with place:
            page.section(texts.TREND_TITLE[window], texts.TREND_NOTE[window])
            page.chart(figures.trend(series["points"], judged), f"trend-{window}", texts.TREND_TITLE[window])
    if len(judged) < _FEWEST_ARMS:
        return
    with left:
        page.section(texts.BOUNDARY_TITLE, texts.BOUNDARY_NOTE)
        path = figures.boundary(history["points"], judged)
        if path is None:
            st.write(texts.BOUNDARY_NONE)
        else:
            page.chart(path, "boundary", texts.BOUNDARY_TITLE)
    with right:
        page.section(texts.BEST_TITLE, texts.BEST_NOTE)
        chances = figures.best(history["points"], judged)
        if chances is None:
            st.write(texts.POSTERIOR_NONE)
        else:
            page.chart(chances, "probability-best", texts.BEST_TITLE)
    page.download("history", [_flat_point(point, arm) for point in history["points"] for arm in point["variants"]])


def _flat_point(point: shapes.Point, arm: shapes.HistoryArm) -> dict[str, object]:
    return {"day": point["day"], **arm}
