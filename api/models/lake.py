"""Answers about the lake: tables, runs, quarantine, freshness."""

from datetime import date, datetime
from typing import Any

from pydantic import Field

from abtest_lib.contracts import LAKE_DAILY, RUNS
from api.models.common import Answer, Count


class TableColumn(Answer):
    """One column, as the contract has it."""

    name: str = Field(description="the column")
    type: str = Field(description="its Spark SQL type")
    meaning: str = Field(description="what it means, with its unit")


class TableSummary(Answer):
    """One table of the lake at the time of the last release or run."""

    layer: str = Field(description="the folder: bronze, quarantine, silver, gold or ops")
    table: str = Field(description="its name inside the layer")
    grain: str = Field(description="what one row is")
    version: int | None = Field(description="Delta version; null when the table cannot be read")
    rows: Count | None = Field(description="rows that count; rows marked deleted are not among them")
    files: Count | None = Field(description="data files")
    bytes: Count | None = Field(description="their size")
    problem: str | None = Field(description="why the table cannot be read")


class TableList(Answer):
    """Every table of the lake."""

    tables: list[TableSummary] = Field(description="from bronze to gold, then ops")


class Table(TableSummary):
    """One table with a sample of rows; ids of users are masked."""

    columns: list[TableColumn] = Field(description="every column, in order")
    sample: list[dict[str, Any]] = Field(description="some rows, by column; people are masked")


class Run(Answer):
    """One step of one pipeline run."""

    contract = RUNS

    run_id: str
    job: str
    status: str
    started_at: datetime | None = Field(description="when the step began, UTC")
    finished_at: datetime | None = Field(description="when the step ended, UTC")
    rows_read: int | None
    rows_written: int | None
    rows_quarantined: int | None
    duplicates: int | None
    rows_forgotten: int | None


class QuarantineRule(Answer):
    """How many rejected rows broke a rule; a row may break several."""

    rule: str = Field(description="the rule's name")
    rows: Count = Field(description="rows that broke it")


class Quarantine(Answer):
    """What was rejected, over all runs."""

    rows: Count | None = Field(description="rejected rows; null when they cannot be counted")
    by_rule: list[QuarantineRule] = Field(description="the rule with most rows first")


class StrayDay(Answer):
    """A day that holds too few users to be real: ends and weeks do not count it."""

    contract = LAKE_DAILY

    day: date
    users: int


class Freshness(Answer):
    """How old the data is and whether the lake can be reached."""

    published_at: datetime | None = Field(description="when the release was published, UTC; null without one")
    data_age_seconds: float | None = Field(description="since published_at")
    last_day: date | None = Field(description="the newest day with data")
    checked_at: datetime | None = Field(description="when the lake was last looked at")
    lake_readable: bool = Field(description="whether the last look at the lake went well, and was not long ago")
    problems: list[str] = Field(description="why answers may be old or incomplete; empty when all is well")


class Quality(Answer):
    """May the data be trusted today: runs, rejected rows, freshness."""

    runs: list[Run] = Field(description="the newest first")
    quarantine: Quarantine = Field(description="what was rejected")
    stray_days: list[StrayDay] = Field(description="days with too few users to be real, such as of a wrong clock")
    freshness: Freshness = Field(description="how old the data is")
