"""The types of the API's answers about the lake: its tables, its runs, and their age."""

from typing import Any, NotRequired, TypedDict


class TableSummary(TypedDict):
    """One table of the lake."""

    layer: str
    table: str
    grain: str
    version: int | None
    rows: int | None
    files: int | None
    bytes: int | None
    problem: str | None


class Column(TypedDict):
    """One column of a table."""

    name: str
    type: str
    meaning: str


class TableDetail(TableSummary):
    """One table with its columns and a sample of its rows."""

    columns: list[Column]
    sample: list[dict[str, Any]]


class Run(TypedDict):
    """One step of one run."""

    run_id: str
    job: str
    status: str
    started_at: str | None
    finished_at: str | None
    rows_read: int | None
    rows_written: int | None
    rows_quarantined: int | None
    duplicates: int | None
    rows_forgotten: int | None


class RejectedRows(TypedDict):
    """The number of rows that broke one validation rule."""

    rule: str
    rows: int


class Quarantine(TypedDict):
    """The rejected rows: their number in all and by rule."""

    rows: int | None
    by_rule: list[RejectedRows]


class StrayDay(TypedDict):
    """A day with too few users to be real."""

    day: str
    users: int


class Freshness(TypedDict):
    """The age of the data."""

    published_at: str | None
    data_age_seconds: float | None
    last_day: str | None
    checked_at: str | None
    lake_readable: bool
    problems: list[str]


class Quality(TypedDict):
    """Runs, rejected rows and the age of the data."""

    runs: list[Run]
    quarantine: Quarantine
    stray_days: NotRequired[list[StrayDay]]
    freshness: Freshness
