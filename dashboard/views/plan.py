"""How many people and days an experiment needs, with the power of fewer and of more."""

import streamlit as st

from dashboard import figures_lake, page, texts, words
from dashboard.address import keep, recall
from dashboard.client import ApiError, Trouble

_POINTS = 24


def show() -> None:
    """Show the page."""
    st.write(texts.PLAN_LEAD)
    first, second, third = st.columns(3)
    baseline = first.number_input(
        texts.BASELINE,
        0.01,
        99.99,
        5.0,
        0.5,
        format="%.2f",
        key="baseline",
        help=texts.BASELINE_HELP,
        bind="query-params",
    )
    lift = second.number_input(texts.EFFECT, -99.0, 1_000.0, 10.0, 1.0, format="%.1f", key="lift", bind="query-params")
    rules = list(texts.RULES)
    recall("rule", rules)
    rule = keep("rule", third.selectbox(texts.RULE, rules, key="rule", format_func=texts.RULES.__getitem__), rules)
    arms = first.number_input(texts.PLAN_ARMS, 2, 50, 2, key="arms", bind="query-params")
    power = second.number_input(texts.POWER, 50.0, 99.9, 80.0, 5.0, format="%.1f", key="power", bind="query-params")
    alpha = third.number_input(texts.ALPHA, 0.1, 20.0, 5.0, 1.0, format="%.1f", key="alpha", bind="query-params")
    per_day = first.number_input(texts.PER_DAY, 0, 1_000_000_000, 0, 500, key="per_day", bind="query-params")
    try:
        found = page.client().plan(
            baseline=baseline / 100,
            lift=lift / 100,
            arms=arms,
            power=power / 100,
            alpha=alpha / 100,
            rule=rule,
            users_per_day=per_day or None,
            points=_POINTS,
        )
    except ApiError as error:
        if error.trouble is not Trouble.OTHER:
            raise
        page.state(texts.IMPOSSIBLE_TITLE, page.plain(error.detail))
        return
    with st.container(horizontal=True):
        st.metric(texts.PER_ARM, words.count(found["users_per_arm"]), border=True)
        st.metric(texts.TOTAL, words.count(found["users_total"]), border=True)
        days = texts.DURATION_UNKNOWN if found["days"] is None else words.count(found["days"])
        st.metric(texts.DURATION, days, border=True)
    note = texts.POWER_NOTE.format(
        users=words.count(found["users_per_arm"]),
        lift=words.percent(lift / 100, 1, signed=True),
        power=words.percent(power / 100, 1),
    )
    page.section(texts.POWER_TITLE, note)
    curve = [(point["users_per_arm"], point["power"]) for point in found["curve"]]
    page.chart(figures_lake.power(curve, found["users_per_arm"], power / 100), "power", texts.POWER_TITLE)
    page.download("power", found["curve"])
