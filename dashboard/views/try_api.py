"""Ask the running API and see request, status, time and answer."""

import json
import shlex
from urllib.parse import urlencode

import streamlit as st

from dashboard import page, texts, words
from dashboard.client import Params, experiment_path
from dashboard.picker import pick_experiment

_SHOWN = 20_000
_WITH_DAY = {"result", "posterior", "funnel"}
_PYTHON = """import httpx

answer = httpx.get({url!r}{params})
print(answer.status_code, answer.json())"""


def show() -> None:
    """Show the page."""
    api = page.client()
    st.write(texts.TRY_LEAD)
    route = st.segmented_control(
        texts.ROUTE,
        list(texts.ROUTES),
        default="result",
        required=True,
        key="route",
        bind="query-params",
    )
    route = route or "result"
    st.caption(texts.ROUTES[route])
    known = pick_experiment(api)
    left, right = st.columns(2)
    name = left.text_input(texts.OTHER_NAME, key="other", bind="query-params", max_chars=500) or known
    if name is None:
        return
    days = [""] if name != known else ["", *api.experiment(name)["days"][::-1]]
    day = right.selectbox(
        texts.DAY,
        days,
        key="on",
        bind="query-params",
        format_func=lambda day: day or texts.LATEST_DAY,
        accept_new_options=True,
    )
    path = experiment_path(name, "" if route == "detail" else route)
    _exchange(path, {"day": day} if day and route in _WITH_DAY else {})


def _exchange(path: str, params: Params) -> None:
    api = page.client()
    url = api.api + path + (f"?{urlencode({key: str(value) for key, value in params.items()})}" if params else "")
    page.section(texts.REQUEST)
    curl, python = st.tabs([texts.CURL, texts.PYTHON])
    curl.code(f"curl {shlex.quote(url)}", language=None, wrap_lines=True)
    python.code(
        _PYTHON.format(url=api.api + path, params=f", params={params}" if params else ""),
        language=None,
        wrap_lines=True,
    )
    answer = api.send(path, params)
    page.section(texts.ANSWER)
    with st.container(horizontal=True):
        st.metric(texts.STATUS, str(answer.status), border=True)
        st.metric(texts.TIME, texts.MILLISECONDS.format(ms=1_000 * answer.seconds), border=True)
        st.metric(texts.SIZE, words.size(len(answer.body.encode())), border=True)
    body = _pretty(answer.body)
    if len(body) > _SHOWN:
        st.caption(texts.CUT.format(shown=_SHOWN, total=len(body)))
    st.code(body[:_SHOWN], language=None, wrap_lines=True)


def _pretty(body: str) -> str:
    try:
        return words.json_text(json.loads(body))
    except ValueError:
        return body
