"""Send a request to the running API and show status, time and answer."""

import json
import shlex
from urllib.parse import urlencode

import streamlit as st

from dashboard import formatting, labels, page
from dashboard.client import Params, experiment_path
from dashboard.picker import pick_experiment

_MOST_CHARACTERS = 20_000
_ROUTES_OF_A_DAY = {"result", "posterior", "funnel"}
_PYTHON = """import httpx

answer = httpx.get({url!r}{params})
print(answer.status_code, answer.json())"""


def show() -> None:
    """Show the page."""
    api = page.client()
    st.write(labels.TRY_LEAD)
    route = st.segmented_control(
        labels.ROUTE,
        list(labels.ROUTES),
        default="result",
        required=True,
        key="route",
        bind="query-params",
    )
    route = route or "result"
    st.caption(labels.ROUTES[route])
    known = pick_experiment(api)
    left, right = st.columns(2)
    name = left.text_input(labels.OTHER_NAME, key="other", bind="query-params", max_chars=500) or known
    if name is None:
        return
    days = [""] if name != known else ["", *api.experiment(name)["days"][::-1]]
    day = right.selectbox(
        labels.DAY,
        days,
        key="on",
        bind="query-params",
        format_func=lambda day: day or labels.LATEST_DAY,
        accept_new_options=True,
    )
    path = experiment_path(name, "" if route == "detail" else route)
    _show_call(path, {"day": day} if day and route in _ROUTES_OF_A_DAY else {})


def _show_call(path: str, params: Params) -> None:
    api = page.client()
    url = api.api + path + (f"?{urlencode({key: str(value) for key, value in params.items()})}" if params else "")
    page.section(labels.REQUEST)
    curl, python = st.tabs([labels.CURL, labels.PYTHON])
    curl.code(f"curl {shlex.quote(url)}", language=None, wrap_lines=True)
    python.code(
        _PYTHON.format(url=api.api + path, params=f", params={params}" if params else ""),
        language=None,
        wrap_lines=True,
    )
    call = api.send(path, params)
    page.section(labels.ANSWER)
    page.metrics(
        {
            labels.STATUS: str(call.status),
            labels.TIME: labels.MILLISECONDS.format(ms=1_000 * call.seconds),
            labels.SIZE: formatting.byte_size(len(call.body.encode())),
        }
    )
    body = _pretty(call.body)
    if len(body) > _MOST_CHARACTERS:
        st.caption(labels.CUT.format(shown=_MOST_CHARACTERS, total=len(body)))
    st.code(body[:_MOST_CHARACTERS], language=None, wrap_lines=True)


def _pretty(body: str) -> str:
    try:
        return formatting.json_text(json.loads(body))
    except ValueError:
        return body
