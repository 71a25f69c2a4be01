"""The parts that all pages share: the client, messages, tables, charts and downloads."""

import csv
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st
from plotly.graph_objects import Figure

from abtest_lib import answers
from dashboard import formatting, labels, markup
from dashboard.client import ApiError, Client, ErrorKind
from dashboard.columns import Columns

API_VARIABLE, KEY_VARIABLE = "ABTEST_DASHBOARD_API", "ABTEST_DASHBOARD_KEY"
DEFAULT_API = "http://127.0.0.1:8000"
_OLD_SECONDS = 36 * 3_600
"""A daily pipeline that has published nothing for 36 hours has missed a run."""


@st.cache_resource
def _client(api: str, key: str | None) -> Client:
    return Client(api, key)


def client() -> Client:
    """Return the client of the API that the environment names; all sessions share it."""
    return _client(os.environ.get(API_VARIABLE) or DEFAULT_API, os.environ.get(KEY_VARIABLE))


def section(text: str, note: str = "") -> None:
    """Show the heading of a section, with a line on how to read it."""
    st.subheader(text, anchor=False)
    if note:
        st.caption(note)


@dataclass(frozen=True, slots=True)
class _ErrorText:
    """The title and the body of the message for one kind of error."""

    title: str
    body: str


_ERROR_TEXTS = {
    ErrorKind.DOWN: _ErrorText(labels.DOWN_TITLE, labels.DOWN),
    ErrorKind.NOT_READY: _ErrorText(labels.NOT_READY_TITLE, labels.NOT_READY),
    ErrorKind.REFUSED: _ErrorText(labels.REFUSED_TITLE, labels.REFUSED),
    ErrorKind.NO_DATA: _ErrorText(labels.NO_DATA_TITLE, labels.NO_DATA),
    ErrorKind.OTHER: _ErrorText(labels.OTHER_TITLE, labels.OTHER),
}


def show_error(error: ApiError) -> None:
    """Show what went wrong and what to do; a button asks the API again if that can help."""
    text = _ERROR_TEXTS[error.kind]
    body = text.body.format(
        api=client().api,
        command="abtest dashboard --api URL",
        detail=escape_markdown(error.detail),
        url=escape_markdown(error.url),
    )
    show_message(text.title, body, is_down=error.kind is ErrorKind.DOWN)
    if error.kind in {ErrorKind.DOWN, ErrorKind.NOT_READY}:
        st.button(labels.RETRY, icon=":material/refresh:")


def show_message(title: str, body: str, *, is_down: bool = False) -> None:
    """Show what happened and what to do, in place of numbers."""
    icon = ":material/cloud_off:" if is_down else ":material/info:"
    (st.warning if is_down else st.info)(f"**{title}**\n\n{body}", icon=icon)


def escape_markdown(text: str) -> str:
    """Escape every sign that Markdown would interpret."""
    return "".join("\\" + sign if sign in "\\`*_{}[]()#+-.!|<>$~:&" else sign for sign in text)


def show_freshness(readiness: answers.Ready) -> None:
    """Show a warning if the data may be out of date."""
    release = readiness["release"]
    seconds = release["data_age_seconds"] if release else None
    if readiness["problems"] and release:
        problems = escape_markdown("; ".join(readiness["problems"]))
        st.warning(
            f"**{labels.STALE_TITLE}.** " + labels.STALE.format(age=formatting.age(seconds), problems=problems),
            icon=":material/history:",
        )
    elif seconds is not None and seconds > _OLD_SECONDS:
        st.warning(
            f"**{labels.STALE_TITLE}.** " + labels.OLD.format(age=formatting.age(seconds)), icon=":material/history:"
        )
    elif readiness["warming"] and release:
        st.info(labels.WARMING, icon=":material/hourglass_top:")


def show_release(release: answers.Release | None) -> None:
    """Show which release the page comes from."""
    if release is None:
        return
    when, age = formatting.utc_minute(release["published_at"]), formatting.age(release["data_age_seconds"])
    st.caption(labels.RELEASE.format(when=when, age=age, run=escape_markdown(release["run_id"])))


def chart(figure: Figure | None, name: str, title: str, note: str = "", absent: str = "") -> None:
    """Show a chart with its heading; its toolbar saves it as PNG.

    Args:
        figure: The chart; None if there is nothing to draw.
        name: The name of the PNG file, unique on the page.
        title: The heading, which screen readers also read for the chart.
        note: A line on how to read the chart.
        absent: What to write if there is nothing to draw; without it the section is left out.
    """
    if figure is None and not absent:
        return
    section(title, note)
    if figure is None:
        st.write(absent)
    else:
        plot(figure, name, title)


def plot(figure: Figure, name: str, alt: str) -> None:
    """Show a chart without a heading; `alt` is the text for screen readers."""
    options = {
        "displaylogo": False,
        "toImageButtonOptions": {"format": "png", "filename": name, "scale": 2},
        "modeBarButtonsToRemove": ["lasso2d", "select2d", "autoScale2d"],
    }
    st.plotly_chart(figure, config=options, key=f"chart {name}", alt=alt)


def metrics(tiles: Mapping[str, str]) -> None:
    """Show a row of tiles; keys are labels."""
    with st.container(horizontal=True):
        for label, value in tiles.items():
            st.metric(label, value, border=True)


def table(columns: Columns, rows: Sequence[Mapping[str, markup.Cell]], note: str = "") -> None:
    """Show a table."""
    st.html(markup.table(columns, rows, note))


def wide_table(headings: Sequence[str], rows: Sequence[Sequence[str]], label: str) -> None:
    """Show a table that scrolls sideways."""
    st.html(markup.wide_table(headings, rows, label))


def download(name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Show a button that saves rows as CSV, with the numbers as the API gave them; nothing if there are no rows."""
    if not rows:
        return
    st.download_button(
        labels.CSV,
        to_csv(rows),
        f"{name}.csv",
        "text/csv",
        key=f"csv {name}",
        icon=":material/download:",
        on_click="ignore",
    )


def to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    r"""Write rows as CSV; the fields of an object become columns with a dot, lists are joined by semicolons.

    A text that a spreadsheet would read as a formula gets an apostrophe in front.

    Examples:
        >>> to_csv([{"arm": "=A", "lift": {"median": 0.1}, "reasons": ["x", "y"]}])
        "arm,lift.median,reasons\r\n'=A,0.1,x;y\r\n"
    """
    flat = [dict(_flatten(row)) for row in rows]
    names = list(dict.fromkeys(name for row in flat for name in row))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, names)
    writer.writeheader()
    writer.writerows(flat)
    return buffer.getvalue()


def _flatten(row: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in row.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{name}.")
        elif isinstance(value, list):
            yield name, _escape_formula(";".join(map(str, value)))
        else:
            yield name, _escape_formula(value) if isinstance(value, str) else value


def _escape_formula(text: str) -> str:
    return "'" + text if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text
