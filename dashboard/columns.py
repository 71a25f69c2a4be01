"""The columns of a table on a page: which there are, what they are called, which hold numbers."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table, in order.

    Attributes:
        headings: The heading of each column by the column's key.
        numeric: The keys of the columns that hold numbers; these are aligned right.
    """

    headings: Mapping[str, str]
    numeric: frozenset[str] = frozenset()

    def __getitem__(self, key: str) -> str:
        """Return the heading of a column."""
        return self.headings[key]

    def without(self, key: str) -> "Columns":
        """Return the columns except one."""
        kept = {other: heading for other, heading in self.headings.items() if other != key}
        return Columns(kept, self.numeric - {key})


def columns(headings: Mapping[str, str], numeric: str = "") -> Columns:
    """Build columns.

    Args:
        headings: The heading of each column by the column's key.
        numeric: The keys of the columns that hold numbers, separated by blanks.

    Returns:
        The columns.

    Examples:
        >>> columns({"arm": "Arm", "users": "People"}, "users").without("users").headings
        {'arm': 'Arm'}
    """
    return Columns(headings, frozenset(numeric.split()))
