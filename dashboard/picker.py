"""Choosing an experiment and a day; both stand in the address, so that a page can be shared."""

import streamlit as st

from dashboard import page, shapes, texts
from dashboard.client import ApiError, Client, Trouble

_OFFERED = 100


def pick_experiment(api: Client) -> str | None:
    """Let the reader choose one of the experiments, a hundred at a time.

    Args:
        api: The client.

    Returns:
        Its name as the address or the reader gave it; None when there are none.
    """
    wanted = st.query_params.get("name")
    search, choice = st.columns([1, 2])
    part = search.text_input(
        texts.SEARCH, key="find", bind="query-params", placeholder=texts.SEARCH_HELP, max_chars=200
    )
    found = api.experiments(search=part or None, limit=_OFFERED)
    names = [line["name"] for line in found["experiments"]]
    if wanted and wanted not in names:
        names = [wanted, *names]
    if not names:
        page.state(texts.NO_MATCH_TITLE if part else texts.EMPTY_TITLE, texts.NO_MATCH if part else texts.EMPTY)
        return None
    if not wanted and st.session_state.get("name") not in names:
        # Set here and not as the widget's default, so that the address names it: defaults change with the data.
        st.session_state["name"] = _largest_valid(api, names)
    chosen: str | None = choice.selectbox(
        texts.EXPERIMENT_LABEL,
        names,
        index=None,
        key="name",
        bind="query-params",
        placeholder=texts.NO_EXPERIMENT_TITLE,
    )
    if chosen is None:
        page.state(texts.NO_EXPERIMENT_TITLE, texts.NO_EXPERIMENT)
    return chosen


def _largest_valid(api: Client, names: list[str]) -> str:
    """The valid experiment with most people, if it is on offer, else the first one."""
    found = api.experiments(is_valid=True, sort="-participants", limit=1)["experiments"]
    return found[0]["name"] if found and found[0]["name"] in names else names[0]


def pick_day(detail: shapes.Experiment) -> str:
    """Let the reader choose one of the experiment's days, the newest first.

    Raises:
        ApiError: The address names a day without data.
    """
    days = detail["days"][::-1]
    wanted = st.query_params.get("day")
    if wanted and wanted not in days:
        raise ApiError(Trouble.NO_DATA, texts.NO_SUCH_DAY.format(day=wanted, first=days[-1], last=days[0]), "")
    chosen: str = st.selectbox(texts.DAY, days, key="day", bind="query-params")
    return chosen
