"""What every page shares: the client, the state of the data, states without numbers, charts and downloads."""

import csv
import io
import os
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
from plotly.graph_objects import Figure

from dashboard import markup, shapes, texts, words
from dashboard.client import ApiError, Client, Trouble

API_VARIABLE, KEY_VARIABLE = "ABTEST_DASHBOARD_API", "ABTEST_DASHBOARD_KEY"
DEFAULT_API = "http://127.0.0.1:8000"
_OLD_SECONDS = 36 * 3_600
"""A daily pipeline that has published nothing for a day and a half has missed a run."""


@st.cache_resource
def _client(api: str, key: str | None) -> Client:
    return Client(api, key)


def client() -> Client:
    """The client of the API that the environment names; shared by all readers."""
    return _client(os.environ.get(API_VARIABLE) or DEFAULT_API, os.environ.get(KEY_VARIABLE))


def section(text: str, note: str = "") -> None:
    """The heading of a part of the page, with a line that says how to read it."""
    st.subheader(text, anchor=False)
    if note:
        st.caption(note)


def trouble(error: ApiError) -> None:
    """An error as a state of the page, with what to do about it."""
    heads = {
        Trouble.DOWN: texts.DOWN_TITLE,
        Trouble.NOT_READY: texts.NOT_READY_TITLE,
        Trouble.REFUSED: texts.REFUSED_TITLE,
        Trouble.NO_DATA: texts.NO_DATA_TITLE,
        Trouble.OTHER: texts.OTHER_TITLE,
    }
    bodies = {
        Trouble.DOWN: texts.DOWN.format(api=client().api, command="abtest dashboard --api URL"),
        Trouble.NOT_READY: texts.NOT_READY.format(detail=plain(error.detail)),
        Trouble.REFUSED: texts.REFUSED.format(detail=plain(error.detail)),
        Trouble.NO_DATA: plain(error.detail),
        Trouble.OTHER: texts.OTHER.format(detail=plain(error.detail), url=plain(error.url)),
    }
    state(heads[error.trouble], bodies[error.trouble], is_down=error.trouble is Trouble.DOWN)
    if error.trouble in {Trouble.DOWN, Trouble.NOT_READY}:
        st.button(texts.RETRY, icon=":material/refresh:")


def state(head: str, body: str, *, is_down: bool = False) -> None:
    """A page or part without numbers: what is the case, and what to do."""
    icon = ":material/cloud_off:" if is_down else ":material/info:"
    (st.warning if is_down else st.info)(f"**{head}**\n\n{body}", icon=icon)


def plain(text: str) -> str:
    """A text that Markdown leaves as it is."""
    return "".join("\\" + sign if sign in "\\`*_{}[]()#+-.!|<>$~:&" else sign for sign in text)


def freshness(ready: shapes.Ready) -> None:
    """How old the data is; a warning when it may be out of date."""
    release = ready["release"]
    seconds = release["data_age_seconds"] if release else None
    if ready["problems"] and release:
        problems = plain("; ".join(ready["problems"]))
        st.warning(
            f"**{texts.STALE_TITLE}.** " + texts.STALE.format(age=words.age(seconds), problems=problems),
            icon=":material/history:",
        )
    elif seconds is not None and seconds > _OLD_SECONDS:
        st.warning(f"**{texts.STALE_TITLE}.** " + texts.OLD.format(age=words.age(seconds)), icon=":material/history:")
    elif ready["warming"] and release:
        st.info(texts.WARMING, icon=":material/hourglass_top:")


def release_line(release: shapes.Release | None) -> None:
    """Which release the page shows."""
    if release is None:
        return
    when, age = words.instant(release["published_at"]), words.age(release["data_age_seconds"])
    st.caption(texts.RELEASE.format(when=when, age=age, run=plain(release["run_id"])))


def chart(figure: Figure, name: str, alt: str) -> None:
    """A figure, which its toolbar saves as PNG."""
    options = {
        "displaylogo": False,
        "toImageButtonOptions": {"format": "png", "filename": name, "scale": 2},
        "modeBarButtonsToRemove": ["lasso2d", "select2d", "autoScale2d"],
    }
    st.plotly_chart(figure, config=options, key=f"chart {name}", alt=alt)


def table(
    columns: Mapping[str, str], rows: Sequence[Mapping[str, markup.Cell]], note: str = "", right: str = ""
) -> None:
    """A table."""
    st.html(markup.table(columns, rows, note, right))


def wide_table(columns: Sequence[str], rows: Sequence[Sequence[str]], label: str) -> None:
    """A table that scrolls sideways by itself."""
    st.html(markup.wide_table(columns, rows, label))


def download(name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """A button that saves rows as CSV, with the numbers as the API gave them."""
    if not rows:
        return
    st.download_button(
        texts.CSV,
        to_csv(rows),
        f"{name}.csv",
        "text/csv",
        key=f"csv {name}",
        icon=":material/download:",
        on_click="ignore",
    )


def to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    r"""Rows as CSV; parts of an object become columns with a dot, lists are joined by semicolons.

    A text that a spreadsheet would take for a formula gets an apostrophe in front.

    Examples:
        >>> to_csv([{"arm": "=A", "lift": {"median": 0.1}, "reasons": ["x", "y"]}])
        "arm,lift.median,reasons\r\n'=A,0.1,x;y\r\n"
    """
    flat = [dict(_flat(row)) for row in rows]
    names = list(dict.fromkeys(name for row in flat for name in row))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, names)
    writer.writeheader()
    writer.writerows(flat)
    return buffer.getvalue()


def _flat(row: Mapping[str, Any], before: str = "") -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for key, value in row.items():
        name = f"{before}{key}"
        if isinstance(value, Mapping):
            found += _flat(value, f"{name}.")
        elif isinstance(value, list):
            found.append((name, _harmless(";".join(map(str, value)))))
        else:
            found.append((name, _harmless(value) if isinstance(value, str) else value))
    return found


def _harmless(text: str) -> str:
    return "'" + text if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text
