"""Tables of numbers in the terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table


def number_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> "Table":
    """Make a table of numbers with row names in the first column; headings wrap before any number is cut."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for place, title in enumerate(titles):
        if place == 0:
            table.add_column(title, no_wrap=True)
            continue
        least = max(map(len, [*title.split(), *(row[place] for row in rows)]))
        table.add_column(title, justify="right", min_width=least)
    for row in rows:
        table.add_row(*row)
    return table
