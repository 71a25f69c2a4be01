"""The plain table that the command line prints."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table


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
