"""The contract of one table: columns, grain, key, partitioning, constraints and Delta properties."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

CONTRACT_VERSION = 2
"""Increased when a table changes in a way that older code cannot read; a lake stores the version it was built with.

2: gold/comparisons and gold/posteriors hold several metrics and segments.
"""

READABLE_BY_DELTA_RS: Mapping[str, str] = MappingProxyType(
    {
        "delta.enableDeletionVectors": "false",
        "delta.columnMapping.mode": "none",
        "delta.checkpointPolicy": "classic",
    }
)
"""delta-rs reads NULLs from column-mapped tables and fails on deletion vectors and v2 checkpoints."""


STATISTICS = "delta.dataSkippingStatsColumns"
"""The columns with their smallest and largest value in each file's log entry; computing these for texts costs a fifth
of a write, and nobody reads a range of hashes."""

SMALL: Mapping[str, str] = MappingProxyType({**READABLE_BY_DELTA_RS, "delta.dataSkippingNumIndexedCols": "0"})
"""For tables of few files, which readers select by partition alone: no statistics but the number of rows."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, its Spark SQL type, whether NULL is allowed, and what it means (with its unit)."""

    name: str
    type: str
    meaning: str
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class TableContract:
    """One table of the lake.

    Attributes:
        layer: The folder: bronze, quarantine, silver, gold or ops.
        name: The table's name inside its layer.
        grain: The meaning of one row.
        columns: Every column, in order; a write selects exactly these.
        key: The columns that identify a row.
        partition_by: Partition columns, empty when the table is not partitioned.
        sort_by: Each partition is one file in this order, for readers of one experiment on one day.
        checks: Constraint name to SQL expression, enforced by Delta as a backstop.
        properties: Delta table properties, set when the table is created.
    """

    layer: str
    name: str
    grain: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    partition_by: tuple[str, ...] = ()
    sort_by: tuple[str, ...] = ()
    checks: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=lambda: SMALL)

    @property
    def full_name(self) -> str:
        """The table's name for people and for ops tables, `layer/name`."""
        return f"{self.layer}/{self.name}"

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def types(self) -> dict[str, str]:
        """The Spark SQL type of each column, in order."""
        return {column.name: column.type for column in self.columns}

    @property
    def ddl(self) -> str:
        """The schema as a Spark DDL string, `name type, name type`."""
        return ", ".join(f"`{name}` {type_}" for name, type_ in self.types.items())

    def path(self, lake: str) -> str:
        """Return the table's location under a lake, a directory or an object-store prefix."""
        return f"{lake.rstrip('/')}/{self.full_name}"

    def all_checks(self) -> dict[str, str]:
        """Return the constraints, with one more for all columns that must not be NULL."""
        present = " AND ".join(f"{column.name} IS NOT NULL" for column in self.columns if not column.nullable)
        return ({"nothing_missing": present} if present else {}) | dict(self.checks)
