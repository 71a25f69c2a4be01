"""What the API tells of the lake itself: its tables, its runs, and how fresh they are."""

from typing import Any, TypedDict


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


class Table(TableSummary):
    """One table with a sample."""

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


class Rule(TypedDict):
    """How many rejected rows broke a rule."""

    rule: str
    rows: int


class Quarantine(TypedDict):
    """What was rejected."""

    rows: int | None
    by_rule: list[Rule]


class Freshness(TypedDict):
    """How old the data is."""

    published_at: str | None
    data_age_seconds: float | None
    last_day: str | None
    checked_at: str | None
    lake_readable: bool
    problems: list[str]


class Quality(TypedDict):
    """May the data be trusted today."""

    runs: list[Run]
    quarantine: Quarantine
    freshness: Freshness
