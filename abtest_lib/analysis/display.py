"""How results look: as text in a terminal, as HTML in a notebook."""

from collections.abc import Iterator, Sequence
from html import escape
from io import StringIO

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from abtest_lib.errors import one_line

_FIRST, _OTHER = "text-align:left;padding:.2em .8em .2em 0", "text-align:right;padding:.2em .8em"
_LONGEST = 1_000


class Displayed:
    """A result that `print`, a Rich console and a notebook show in full."""

    __slots__ = ()

    def _parts(self, width: int) -> Iterator[RenderableType]:
        """Yield what a terminal of a width in characters shows."""
        raise NotImplementedError

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        raise NotImplementedError

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Yield what a Rich console prints."""
        yield from self._parts(options.max_width)

    def __repr__(self) -> str:
        """Return what `print` shows, as wide as the terminal."""
        return self.to_text()

    def to_text(self, width: int | None = None) -> str:
        """Return plain text.

        Args:
            width: Characters of a line; those of the terminal when None.
        """
        console = Console(file=StringIO(), width=width, force_jupyter=False, force_terminal=False, no_color=True)
        with console.capture() as captured:
            console.print(self)
        return "\n".join(line.rstrip() for line in captured.get().rstrip().splitlines())


def plain_table(title: str, *columns: str, right: Sequence[str] = ()) -> Table:
    """Make a table whose first column has the title as its heading.

    Args:
        title: Heading of the first column, which is never cut.
        columns: Headings of the others.
        right: Those that are aligned to the right.
    """
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(title, overflow="fold")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", no_wrap=column in right)
    if len(columns) == 1:
        table.add_column("")
    return table


def line(bold: str, plain: str = "") -> Text:
    """Return a line that starts with bold words."""
    return Text.assemble((bold, "bold"), plain)


def small_print(text: str) -> Text:
    """Return a line for the small print."""
    return Text(one_line(text, _LONGEST), style="dim")


def html_line(bold: str, plain: str = "") -> str:
    """Write a paragraph that starts with bold words.

    Examples:
        >>> html_line("A<B", ": yes")
        '<p><strong>A&lt;B</strong>: yes</p>'
    """
    return f"<p><strong>{escape(bold)}</strong>{escape(plain)}</p>"


def html_small_print(text: str) -> str:
    """Write a paragraph for the small print."""
    return f"<p><small>{escape(one_line(text, _LONGEST))}</small></p>"


def html_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table whose first column names the row and whose other columns hold numbers.

    Examples:
        >>> html_table(["arm", "users"], [["<A>", "10"]]).count("&lt;A&gt;")
        1
    """
    body = "".join(_html_row("td", row) for row in rows)
    return f"<table><thead>{_html_row('th', headings)}</thead><tbody>{body}</tbody></table>"


def _html_row(tag: str, cells: Sequence[str]) -> str:
    styles = (_FIRST, *(_OTHER for _ in cells[1:]))
    written = (f'<{tag} style="{style}">{escape(cell)}</{tag}>' for style, cell in zip(styles, cells, strict=True))
    return f"<tr>{''.join(written)}</tr>"
