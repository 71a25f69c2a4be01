"""Choose an experiment and a day; the page's address keeps both, so that a link shows the same page."""

import streamlit as st

from abtest_lib import answers
from dashboard import labels, page
from dashboard.client import Client, require_day

_OFFERED = 100


def pick_experiment(api: Client) -> str | None:
    """Let the reader choose one of the experiments, a hundred at a time.

    Args:
        api: The client.

    Returns:
        The name from the address or from the reader; None if there is no experiment or none is chosen.
    """
    wanted = st.query_params.get("name")
    search, choice = st.columns([1, 2])
    part = search.text_input(
        labels.SEARCH, key="find", bind="query-params", placeholder=labels.SEARCH_HELP, max_chars=200
    )
    names = [line["name"] for line in api.experiments(search=part or None, limit=_OFFERED)["experiments"]]
    if wanted and wanted not in names:
        names = [wanted, *names]
    if not names:
        page.show_message(
            labels.NO_MATCH_TITLE if part else labels.EMPTY_TITLE, labels.NO_MATCH if part else labels.EMPTY
        )
        return None
    if not wanted and st.session_state.get("name") not in names:
        # The state is set, not the widget's default: a default changes with the data, an address does not.
        st.session_state["name"] = _default_name(api, names)
    chosen: str | None = choice.selectbox(
        labels.EXPERIMENT_LABEL,
        names,
        index=None,
        key="name",
        bind="query-params",
        placeholder=labels.NO_EXPERIMENT_TITLE,
    )
    if chosen is None:
        page.show_message(labels.NO_EXPERIMENT_TITLE, labels.NO_EXPERIMENT)
    return chosen


def _default_name(api: Client, names: list[str]) -> str:
    """Return the valid experiment with most people if it is among the names, else the first name."""
    largest = api.experiments(is_valid=True, sort="-participants", limit=1)["experiments"]
    return largest[0]["name"] if largest and largest[0]["name"] in names else names[0]


def pick_day(detail: answers.Experiment) -> str:
    """Let the reader choose one of the experiment's days, the newest first.

    Raises:
        ApiError: The address names a day without data.
    """
    wanted = st.query_params.get("day")
    if wanted:
        require_day(detail, wanted)
    chosen: str = st.selectbox(labels.DAY, detail["days"][::-1], key="day", bind="query-params")
    return chosen
