"""What counts at hand say: the reader enters people and buyers of each arm, the API analyzes them."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from abtest_lib import answers
from dashboard import columns, formatting, labels, markup, page, rows
from dashboard.charts import experiment as experiment_charts
from dashboard.client import ApiError, ErrorKind

_FEWEST_ARMS, _MOST_ARMS = 2, 12
_MOST_PEOPLE = 10_000_000_000
_NAMES = "ABCDEFGHIJKL"
_PEOPLE, _BUYERS, _BUYERS_OF_CONTROL = 1_000, 70, 50


@dataclass(frozen=True, slots=True)
class _Inputs:
    """What the reader asks for, by the names of the API's parameters.

    Attributes:
        counts: The counts of the arms, as the API reads them.
        control: The first arm.
        split: The planned shares; None if equal.
    """

    counts: str
    control: str
    split: str | None


def show() -> None:
    """Show the page."""
    st.write(labels.CALCULATOR_LEAD)
    inputs = _pick_inputs()
    try:
        found = page.client().analyze(counts=inputs.counts, control=inputs.control, split=inputs.split)
    except ApiError as error:
        if error.kind is not ErrorKind.OTHER:
            raise
        page.show_message(labels.IMPOSSIBLE_COUNTS_TITLE, page.escape_markdown(error.detail))
        return
    _verdicts(found)
    _tiles(found)
    _arms(found["arms"])
    _comparisons(found)


def _pick_inputs() -> _Inputs:
    number, split = st.columns(2)
    arms = number.number_input(
        labels.PLAN_ARMS, _FEWEST_ARMS, _MOST_ARMS, _FEWEST_ARMS, key="arms", bind="query-params"
    )
    shares = split.text_input(
        labels.SPLIT_SHARES, key="split", bind="query-params", max_chars=500, help=labels.SPLIT_SHARES_HELP
    )
    counts = [_pick_arm(place) for place in range(arms)]
    control = counts[0].rpartition("=")[0].strip()
    return _Inputs(",".join(counts), control, shares.strip() or None)


def _pick_arm(place: int) -> str:
    """Return one arm as the API reads it: `NAME=BUYERS/PEOPLE`."""
    title = labels.CALCULATOR_CONTROL if place == 0 else labels.CALCULATOR_ARM.format(number=place + 1)
    first, second, third = st.columns(3)
    name = first.text_input(title, _NAMES[place], key=f"arm_{place + 1}", bind="query-params", max_chars=200)
    people = second.number_input(
        labels.CALCULATOR_PEOPLE.format(arm=name),
        0,
        _MOST_PEOPLE,
        _PEOPLE,
        key=f"people_{place + 1}",
        bind="query-params",
    )
    usual = _BUYERS if place else _BUYERS_OF_CONTROL
    buyers = third.number_input(
        labels.CALCULATOR_BUYERS.format(arm=name),
        0,
        _MOST_PEOPLE,
        usual,
        key=f"buyers_{place + 1}",
        bind="query-params",
    )
    return f"{name}={buyers}/{people}"


def _verdicts(found: answers.Analysis) -> None:
    """Show what either rule concludes, side by side."""
    for column, title, note, verdict in zip(
        st.columns(2),
        (labels.PLANNED_TITLE, labels.UNPLANNED_TITLE),
        (labels.PLANNED_NOTE, labels.UNPLANNED_NOTE),
        (found["planned"], found["unplanned"]),
        strict=True,
    ):
        with column:
            page.section(title, note)
            sentences = rows.reason_sentences(verdict["reasons"])
            st.html(markup.verdict(verdict["decision"], verdict["explanation"], sentences))


def _tiles(found: answers.Analysis) -> None:
    ratio, test = found["sample_ratio"], found["chi_square"]
    status = labels.SRM_STATUSES.get(ratio["status"], ratio["status"])
    page.metrics(
        {
            labels.CHECK_SRM: status,
            labels.SRM_P: formatting.p_value(ratio["p_value"]),
            labels.CHI_P: formatting.p_value(None if test is None else test["p_value"]),
        }
    )


def _arms(arms: Sequence[answers.AnalyzedArm]) -> None:
    page.section(labels.ARMS_TITLE)
    page.table(columns.ARMS, rows.arm_rows(arms), labels.ARMS_NOTE)
    page.download("analysis", arms)
    left, right = st.columns(2)
    with left:
        chart = experiment_charts.conversion(arms)
        page.chart(chart, "conversion", labels.CONVERSION_TITLE, labels.CONVERSION_NOTE)
    with right:
        page.chart(experiment_charts.lift(arms), "lift", labels.LIFT_TITLE, labels.LIFT_NOTE)


def _comparisons(found: answers.Analysis) -> None:
    page.section(labels.COMPARISON_TITLE)
    page.table(columns.COMPARISONS, rows.comparison_rows(found), labels.COMPARISON_NOTE)
    cells = rows.chi_square_rows(found["arms"])
    page.section(labels.CHI_TITLE)
    if found["chi_square"] is None or not cells:
        st.write(labels.CHI_NONE)
        return
    page.table(columns.CHI_SQUARE, cells, rows.chi_square_note(found["chi_square"]))
