"""How many people and days an experiment needs, and the power of smaller and larger numbers."""

from dataclasses import asdict, dataclass

import streamlit as st

from abtest_lib import answers
from dashboard import formatting, labels, page
from dashboard.charts import plan as plan_charts
from dashboard.client import ApiError, ErrorKind
from dashboard.url_state import restore_choice, store_choice

_CURVE_POINTS = 24


@dataclass(frozen=True, slots=True)
class _Inputs:
    """What the reader asks for, by the names of the API's parameters.

    Attributes:
        baseline: The conversion of the control, a proportion.
        lift: The smallest lift to find, a ratio.
        arms: The number of arms with the control.
        power: The probability of finding the lift.
        alpha: The probability of a false alarm.
        rule: The stopping rule.
        users_per_day: New people a day in all arms; None if unknown.
    """

    baseline: float
    lift: float
    arms: int
    power: float
    alpha: float
    rule: str
    users_per_day: int | None


def show() -> None:
    """Show the page."""
    st.write(labels.PLAN_LEAD)
    inputs = _pick_inputs()
    try:
        plan = page.client().plan(**asdict(inputs), points=_CURVE_POINTS)
    except ApiError as error:
        if error.kind is not ErrorKind.OTHER:
            raise
        page.show_message(labels.IMPOSSIBLE_TITLE, page.escape_markdown(error.detail))
        return
    _tiles(plan)
    _power(plan, inputs)


def _pick_inputs() -> _Inputs:
    first, second, third = st.columns(3)
    baseline = first.number_input(
        labels.BASELINE,
        0.01,
        99.99,
        5.0,
        0.5,
        format="%.2f",
        key="baseline",
        help=labels.BASELINE_HELP,
        bind="query-params",
    )
    lift = second.number_input(labels.EFFECT, -99.0, 1_000.0, 10.0, 1.0, format="%.1f", key="lift", bind="query-params")
    rules = list(labels.STOPPING_RULES)
    restore_choice("rule", rules)
    rule = third.selectbox(labels.STOPPING_RULE, rules, key="rule", format_func=labels.STOPPING_RULES.__getitem__)
    arms = first.number_input(labels.PLAN_ARMS, 2, 50, 2, key="arms", bind="query-params")
    power = second.number_input(labels.POWER, 50.0, 99.9, 80.0, 5.0, format="%.1f", key="power", bind="query-params")
    alpha = third.number_input(labels.ALPHA, 0.1, 20.0, 5.0, 1.0, format="%.1f", key="alpha", bind="query-params")
    per_day = first.number_input(labels.PER_DAY, 0, 1_000_000_000, 0, 500, key="per_day", bind="query-params")
    rule = store_choice("rule", rule, rules)
    return _Inputs(baseline / 100, lift / 100, arms, power / 100, alpha / 100, rule, per_day or None)


def _tiles(plan: answers.Plan) -> None:
    days = labels.DURATION_UNKNOWN if plan["days"] is None else formatting.count(plan["days"])
    page.metrics(
        {
            labels.PER_ARM: formatting.count(plan["users_per_arm"]),
            labels.TOTAL: formatting.count(plan["users_total"]),
            labels.DURATION: days,
        }
    )


def _power(plan: answers.Plan, inputs: _Inputs) -> None:
    note = labels.POWER_NOTE.format(
        users=formatting.count(plan["users_per_arm"]),
        lift=formatting.percent(inputs.lift, 1, signed=True),
        power=formatting.percent(inputs.power, 1),
    )
    chart = plan_charts.power(plan["curve"], plan["users_per_arm"], inputs.power)
    page.chart(chart, "power", labels.POWER_TITLE, note)
    page.download("power", plan["curve"])
