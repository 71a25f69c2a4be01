"""Answers about the lake: tables, runs, quarantine, freshness."""

from datetime import date, datetime
from typing import Any

from pydantic import Field

from api.models.common import Answer, Count


class TableColumn(Answer):
    """One column, as the contract has it."""

    name: str
    type: str
    meaning: str


class TableSummary(Answer):
    """One table of the lake at the time of the last release or run."""

    layer: str
    table: str
    grain: str
    version: int | None = Field(description="Delta version; null when the table cannot be read")
    rows: Count | None = Field(description="rows that count; rows marked deleted are not among them")
    files: Count | None
    bytes: Count | None
    problem: str | None = Field(description="why the table cannot be read")


class TableList(Answer):
    """Every table of the lake."""

    tables: list[TableSummary]


class Table(TableSummary):
    """One table with a sample of rows; ids of users are masked."""

    columns: list[TableColumn]
    sample: list[dict[str, Any]]


class Run(Answer):
    """One step of one pipeline run."""

    run_id: str
    job: str
    status: str
    started_at: datetime | None
    finished_at: datetime | None
    rows_read: int | None
    rows_written: int | None
    rows_quarantined: int | None
    duplicates: int | None
    rows_forgotten: int | None


class QuarantineRule(Answer):
    """How many rejected rows broke a rule; a row may break several."""

    rule: str
    rows: Count


class Quarantine(Answer):
    """What was rejected, over all runs."""

    rows: Count | None
    by_rule: list[QuarantineRule]


class Freshness(Answer):
    """How old the data is and whether the lake can be reached."""

    published_at: datetime | None
    data_age_seconds: float | None
    last_day: date | None = Field(description="the newest day with data")
    checked_at: datetime | None = Field(description="when the lake was last looked at")
    lake_readable: bool
    problems: list[str]


class Quality(Answer):
    """May the data be trusted today: runs, rejected rows, freshness."""

    runs: list[Run] = Field(description="the newest first")
    quarantine: Quarantine
    freshness: Freshness
