"""Tables and small marks as HTML: read by screen readers, usable by keyboard, cards where it is narrow.

Every text is escaped here, and only here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import urlencode

from dashboard import shapes, texts, words

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
.ab-ship {color: #00573F; border-color: #009E73} .ab-keep_control {color: #004A75; border-color: #0072B2}
.ab-inconclusive {color: #4A4A4A; border-color: #8A8A8A} .ab-invalid {color: #8A3A00; border-color: #D55E00}
.ab-null {color: #4A4A4A; border-color: #BBB}
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
_SIZES = {"ab-few": (4, "26rem"), "ab-some": (7, "40rem"), "ab-many": (99, "56rem")}
"""The most columns of each kind of table, and the width below which its rows become cards."""
_LONGEST_WORD = 16
"""Characters: a longer word may be broken, so that it does not push the other columns aside."""
_ALL_CARDS = "".join(_CARDS.replace("NAME", name).replace("WIDTH", width) for name, (_, width) in _SIZES.items())
STYLE = f"<style>{_TABLES}{_ALL_CARDS}</style>\n"


@dataclass(frozen=True, slots=True)
class Markup:
    """HTML that is safe as it is; any other value of a cell is escaped."""

    html: str


Cell = str | Markup


def table(columns: Mapping[str, str], rows: Sequence[Mapping[str, Cell]], caption: str, numbers: str = "") -> str:
    """A table whose first column names the row; where there is no room for its columns, each row is a card.

    Args:
        columns: Key to heading, in order.
        rows: Key to cell.
        caption: What the table shows.
        numbers: The keys of the columns with numbers, separated by blanks.

    Returns:
        HTML.

    Examples:
        >>> ">&lt;b&gt;</th>" in table({"a": "A"}, [{"a": "<b>"}], "c")
        True
    """
    right = set(numbers.split())
    head = "".join(
        f"<th scope='col'{_class(*['num'] * (key in right))}>{escape(title)}</th>" for key, title in columns.items()
    )
    body = "".join(f"<tr>{_row(columns, row, right)}</tr>" for row in rows)
    foot = f"<caption>{escape(caption)}</caption>" if caption else ""
    size = next(name for name, (most, _) in _SIZES.items() if len(columns) <= most)
    inner = f"{foot}<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f"<div class='ab-box'><table class='ab-table {size}'>{inner}</table></div>"


def wide_table(columns: Sequence[str], rows: Sequence[Sequence[str]], label: str) -> str:
    """A table that may be wider than the page: it scrolls by itself, also by keyboard."""
    head = "".join(f"<th scope='col'>{escape(name)}</th>" for name in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    inner = f"<table class='ab-table'><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f"<div class='ab-scroll' tabindex='0' role='region' aria-label='{escape(label)}'>{inner}</div>"


def _row(columns: Mapping[str, str], row: Mapping[str, Cell], right: set[str]) -> str:
    cells = []
    for place, (key, title) in enumerate(columns.items()):
        content = cell_html(row.get(key, texts.DASH))
        names = ["num"] if key in right else _breaking(row.get(key, ""))
        names += ["ab-nothing"] * (content == texts.DASH)
        if place == 0:
            cells.append(f"<th scope='row'{_class(*names)}>{content}</th>")
        else:
            cells.append(f"<td data-label='{escape(title, quote=True)}'{_class(*names)}>{content}</td>")
    return "".join(cells)


def _breaking(cell: Cell) -> list[str]:
    """Where a text may break: within a long word, nowhere within a short id or a date, else between words."""
    if isinstance(cell, Markup) or any(len(word) > _LONGEST_WORD for word in cell.split()):
        return ["ab-long"]
    return [] if " " in cell else ["ab-word"]


def cell_html(cell: Cell) -> str:
    """A cell's HTML."""
    return cell.html if isinstance(cell, Markup) else escape(cell)


def _class(*names: str) -> str:
    return f" class='{' '.join(names)}'" if names else ""


def badge(code: str | None) -> Markup:
    """A decision as a coloured label; the words say it too."""
    return Markup(f"<span class='ab-badge ab-{escape(code or 'null')}'>{escape(words.decision(code))}</span>")


def experiment_link(name: str, day: str | None = None, page: str = "experiment") -> str:
    """The address of an experiment's page.

    Examples:
        >>> experiment_link("a/b&c", "2021-08-01")
        'experiment?name=a%2Fb%26c&day=2021-08-01'
    """
    return f"{page}?" + urlencode({"name": name} | ({"day": day} if day else {}))


def link(name: str, shown: str | None = None) -> Markup:
    """A link to an experiment's page."""
    return Markup(f"<a href='{escape(experiment_link(name), quote=True)}' target='_self'>{escape(shown or name)}</a>")


def lift_mark(found: shapes.Lift | None, reach: float) -> Markup:
    """A lift and its interval, drawn on a scale from -reach to reach, with the numbers beside it."""
    if found is None or found["lower"] is None or found["upper"] is None:
        return Markup(texts.DASH)
    lower, upper = found["lower"], found["upper"]
    side = "up" if lower > 0 else "down" if upper < 0 else ""
    low, middle, high = (_place(value, reach) for value in (lower, found["median"], upper))
    bar = f"<i style='left:{low:.1f}%;width:{high - low:.1f}%'></i><b style='left:{middle:.1f}%'></b><u></u>"
    return Markup(
        f"<span><span class='ab-lift {side}' aria-hidden='true'>{bar}</span>"
        f"<small style='display:inline-block'>{escape(words.lift(found))}</small></span>"
    )


def _place(value: float, reach: float) -> float:
    return 50 + 50 * max(-1.0, min(1.0, value / reach))
