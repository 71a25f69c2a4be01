"""Tables, badges, links and lift bars as HTML, for screen readers, keyboards and narrow pages.

This module escapes every text that becomes HTML.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import urlencode

from abtest_lib import answers
from abtest_lib.contracts.enums import Decision, MetricStatus
from abtest_lib.formatting import status_mark
from dashboard import formatting, labels
from dashboard.columns import Columns

_BADGES: dict[str, tuple[str, str]] = {
    Decision.SHIP: ("#00573F", "#009E73"),
    Decision.KEEP_CONTROL: ("#004A75", "#0072B2"),
    Decision.INCONCLUSIVE: ("#4A4A4A", "#8A8A8A"),
    Decision.INVALID: ("#8A3A00", "#D55E00"),
    "null": ("#4A4A4A", "#BBB"),
}
"""Colour of text and border of each decision's badge."""

_BADGE_OF_STATUS: dict[str, str] = {
    MetricStatus.BETTER: Decision.SHIP,
    MetricStatus.NOT_WORSE: Decision.SHIP,
    MetricStatus.WORSE: Decision.INVALID,
}
_TABLES = """
.ab-table {width: 100%; border-collapse: collapse; font-size: .92rem; margin: 0 0 .4rem}
.ab-table caption {text-align: left; padding: .2rem 0 .4rem; opacity: .85; caption-side: bottom; font-size: .85rem}
.ab-table th {text-align: left; font-weight: 600; padding: .4rem .7rem .4rem 0; vertical-align: bottom;
  border-bottom: 1px solid rgba(127,127,127,.6)}
.ab-table td, .ab-table tbody th {padding: .45rem .7rem .45rem 0; vertical-align: middle;
  border-bottom: 1px solid rgba(127,127,127,.25); font-weight: 400}
.ab-table tr > :last-child {padding-right: 0}
.ab-table tbody th {font-weight: 600}
.ab-table .num {text-align: right; font-variant-numeric: tabular-nums}
.ab-table .ab-word {white-space: nowrap}
.ab-table .ab-long {overflow-wrap: anywhere; min-width: 7.5rem}
.ab-table small {display: block; opacity: .85}
.ab-scroll {overflow-x: auto}
.ab-scroll td {white-space: nowrap; max-width: 22rem; overflow: hidden; text-overflow: ellipsis}
.ab-badge {display: inline-block; padding: .1rem .55rem; border-radius: 1rem; white-space: nowrap; font-size: .85rem;
  font-weight: 600; border: 1px solid; background: #fff}
.ab-lift {position: relative; display: inline-block; width: 9rem; height: 1.1rem; vertical-align: middle;
  margin-right: .6rem; background: rgba(127,127,127,.12)}
.ab-lift i {position: absolute; top: .45rem; height: .2rem; background: #0072B2}
.ab-lift b {position: absolute; top: .2rem; width: .7rem; height: .7rem; margin-left: -.35rem; border-radius: 50%;
  background: #0072B2}
.ab-lift u {position: absolute; left: 50%; top: 0; bottom: 0; border-left: 1px dashed #7F7F7F}
.ab-lift.up i, .ab-lift.up b {background: #009E73} .ab-lift.down i, .ab-lift.down b {background: #D55E00}
[data-testid="stCaptionContainer"], [data-testid="stCaptionContainer"] * {color: inherit; opacity: 1}
[data-testid="stHtml"] a {color: inherit; text-underline-offset: .15em}
[data-testid="stMainBlockContainer"] {padding-top: 4.5rem; padding-bottom: 3rem}
.ab-verdict {line-height: 1.7}
.ab-many {font-size: .86rem} .ab-many td, .ab-many th {padding-right: .6rem}
.ab-box {container-type: inline-size}
@media screen {.ab-box {overflow-x: auto}}
@media print {.ab-table {font-size: 8.5pt} .ab-table tr {break-inside: avoid}
  .ab-table td, .ab-table th {padding-right: .4rem} .ab-table .ab-long {min-width: 5rem}}
"""
_CARDS = """
@media screen {@container (max-width: WIDTH) {
  .NAME thead {position: absolute; left: -9999px}
  .NAME tr {display: block; border: 1px solid rgba(127,127,127,.4); border-radius: .5rem; padding: .4rem .7rem;
    margin: 0 0 .6rem}
  .NAME td, .NAME tbody th {display: flex; justify-content: space-between; align-items: center; gap: 1rem;
    border: 0; padding: .22rem 0; text-align: right}
  .NAME tbody th {font-size: 1rem; text-align: left}
  .NAME td::before {content: attr(data-label); opacity: .85; font-weight: 400; text-align: left; flex: none;
    max-width: 45%}
  .NAME .ab-nothing {display: none}
}}
"""
_LONGEST_WORD = 16
"""In characters. A longer word may be broken, so that it does not squeeze the other columns."""


@dataclass(frozen=True, slots=True)
class _TableSize:
    """A kind of table by its number of columns, and the width below which its rows become cards."""

    name: str
    most_columns: int
    card_width: str

    @property
    def css(self) -> str:
        return _CARDS.replace("NAME", self.name).replace("WIDTH", self.card_width)


_SIZES = (_TableSize("ab-few", 4, "26rem"), _TableSize("ab-some", 7, "40rem"), _TableSize("ab-many", 99, "56rem"))
_DECISIONS = "".join(f".ab-{name} {{color: {text}; border-color: {line}}}\n" for name, (text, line) in _BADGES.items())
STYLE = f"<style>{_TABLES}{_DECISIONS}{''.join(size.css for size in _SIZES)}</style>\n"


@dataclass(frozen=True, slots=True)
class SafeHtml:
    """HTML for a cell that needs no escaping; any other cell is escaped."""

    html: str


Cell = str | SafeHtml


def table(columns: Columns, rows: Sequence[Mapping[str, Cell]], caption: str = "") -> str:
    """Write a table whose first column names the row; on a narrow page each row becomes a card.

    Args:
        columns: The columns.
        rows: The cells of each row by the column's key.
        caption: What the table shows.

    Returns:
        HTML.

    Examples:
        >>> ">&lt;b&gt;</th>" in table(Columns({"a": "A"}), [{"a": "<b>"}], "c")
        True
    """
    head = "".join(_heading(columns, key) for key in columns.headings)
    body = "".join(f"<tr>{_row(columns, row)}</tr>" for row in rows)
    foot = f"<caption>{escape(caption)}</caption>" if caption else ""
    size = next(size for size in _SIZES if len(columns.headings) <= size.most_columns)
    inner = f"{foot}<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f"<div class='ab-box'><table class='ab-table {size.name}'>{inner}</table></div>"


def wide_table(headings: Sequence[str], rows: Sequence[Sequence[str]], label: str) -> str:
    """Write a table that may be wider than the page; it scrolls sideways, also by keyboard."""
    head = "".join(f"<th scope='col'>{escape(heading)}</th>" for heading in headings)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    inner = f"<table class='ab-table'><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f"<div class='ab-scroll' tabindex='0' role='region' aria-label='{escape(label)}'>{inner}</div>"


def _heading(columns: Columns, key: str) -> str:
    names = ["num"] if key in columns.numeric else []
    return f"<th scope='col'{_class(*names)}>{escape(columns[key])}</th>"


def _row(columns: Columns, row: Mapping[str, Cell]) -> str:
    first, *others = columns.headings
    content = cell_html(row.get(first, labels.DASH))
    head = f"<th scope='row'{_class(*_cell_classes(columns, row, first))}>{content}</th>"
    return head + "".join(_cell(columns, row, key) for key in others)


def _cell(columns: Columns, row: Mapping[str, Cell], key: str) -> str:
    heading, names = escape(columns[key], quote=True), _cell_classes(columns, row, key)
    return f"<td data-label='{heading}'{_class(*names)}>{cell_html(row.get(key, labels.DASH))}</td>"


def _cell_classes(columns: Columns, row: Mapping[str, Cell], key: str) -> list[str]:
    names = ["num"] if key in columns.numeric else _line_break_classes(row.get(key, ""))
    return [*names, "ab-nothing"] if cell_html(row.get(key, labels.DASH)) == labels.DASH else names


def _line_break_classes(cell: Cell) -> list[str]:
    """Allow line breaks inside long words; forbid them in short ids and dates, which have no blank."""
    if isinstance(cell, SafeHtml) or any(len(word) > _LONGEST_WORD for word in cell.split()):
        return ["ab-long"]
    return [] if " " in cell else ["ab-word"]


def cell_html(cell: Cell) -> str:
    """Return the HTML of a cell."""
    return cell.html if isinstance(cell, SafeHtml) else escape(cell)


def _class(*names: str) -> str:
    return f" class='{' '.join(names)}'" if names else ""


def badge(decision: str | None) -> SafeHtml:
    """Write a decision as a coloured label with its name."""
    name = escape(formatting.decision_name(decision))
    return SafeHtml(f"<span class='ab-badge ab-{escape(decision or 'null')}'>{name}</span>")


def verdict(decision: str, explanation: str, reasons: Sequence[str]) -> str:
    """Write a decision with its explanation and the sentences of its reasons."""
    listed = "".join(f"<li>{escape(text)}</li>" for text in reasons)
    why = f"<p>{labels.REASONS}</p><ul>{listed}</ul>"
    said = f"<strong>{escape(formatting.sentence(explanation))}</strong>"
    return f"<div class='ab-verdict'>{badge(decision).html} {said}{why}</div>"


def experiment_link(name: str) -> SafeHtml:
    """Write a link to an experiment's page.

    Examples:
        >>> experiment_link("a/b&c").html
        "<a href='experiment?name=a%2Fb%26c' target='_self'>a/b&amp;c</a>"
    """
    address = escape("experiment?" + urlencode({"name": name}), quote=True)
    return SafeHtml(f"<a href='{address}' target='_self'>{escape(name)}</a>")


def status(code: str | None, details: Sequence[str] = ()) -> SafeHtml:
    """Write what is proven by a metric as a coloured label with its mark, and details below it."""
    if code is None:
        return SafeHtml(labels.DASH)
    words = escape(f"{status_mark(code)} {labels.STATUSES.get(code, code)}")
    badge_of = _BADGE_OF_STATUS.get(code, Decision.INCONCLUSIVE)
    more = "".join(f"<small>{escape(text)}</small>" for text in details)
    return SafeHtml(f"<span><span class='ab-badge ab-{badge_of}'>{words}</span>{more}</span>")


def named(name: str, below: str) -> SafeHtml:
    """Write a name, which may be broken after its underscores, with a small line below it."""
    breakable = escape(name).replace("_", "_<wbr>")
    return SafeHtml(f"<span>{breakable} <small>{escape(below)}</small></span>")


def lift_bar(lift: answers.Lift | None, reach: float, side: str | None = None) -> SafeHtml:
    """Draw a lift and its interval on a scale from -reach to reach, with the numbers at its right.

    Args:
        lift: The lift.
        reach: The end of the scale.
        side: `up` for good, `down` for bad, empty for open; None follows the sign of the interval.
    """
    if lift is None or lift["lower"] is None or lift["upper"] is None:
        return SafeHtml(formatting.lift(lift))
    sign = "up" if lift["lower"] > 0 else "down" if lift["upper"] < 0 else ""
    side = sign if side is None else side
    low, median, high = (_percent_of_scale(value, reach) for value in (lift["lower"], lift["median"], lift["upper"]))
    bar = f"<i style='left:{low:.1f}%;width:{high - low:.1f}%'></i><b style='left:{median:.1f}%'></b><u></u>"
    return SafeHtml(
        f"<span><span class='ab-lift {side}' aria-hidden='true'>{bar}</span>"
        f"<small style='display:inline-block'>{escape(formatting.lift(lift))}</small></span>"
    )


def _percent_of_scale(value: float, reach: float) -> float:
    return 50 + 50 * max(-1.0, min(1.0, value / reach))
