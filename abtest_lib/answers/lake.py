"""Answers about the lake: tables, runs, quarantine, freshness."""

from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from abtest_lib.answers.common import Count, Day, Instant, about, answer
from abtest_lib.contracts import LAKE_DAILY, RUNS


@answer()
class TableColumn(TypedDict):
    """One column, as the contract has it."""

    name: Annotated[str, about("the column")]
    type: Annotated[str, about("its Spark SQL type")]
    meaning: Annotated[str, about("what it means, with its unit")]


TableProblem = Annotated[str | None, about("why the table cannot be read")]


@answer()
class TableCounts(TypedDict):
    """One table of the lake, and its size."""

    layer: Annotated[str, about("the folder: bronze, quarantine, silver, gold or ops")]
    table: Annotated[str, about("its name inside the layer")]
    grain: Annotated[str, about("what one row is")]
    version: Annotated[int | None, about("Delta version; null when the table cannot be read")]
    rows: Annotated[Count | None, about("rows that count; rows marked deleted are not among them")]
    files: Annotated[Count | None, about("data files")]
    bytes: Annotated[Count | None, about("their size")]


@answer()
class TableSummary(TableCounts):
    """One table of the lake at the time of the last release or run."""

    problem: TableProblem


@answer()
class TableList(TypedDict):
    """Every table of the lake."""

    tables: Annotated[list[TableSummary], about("from bronze to gold, then ops")]


@answer()
class Table(TableCounts):
    """One table with a sample of rows; ids of users are masked."""

    sample: Annotated[list[dict[str, Any]], about("some rows, by column; people are masked")]
    problem: TableProblem
    columns: Annotated[list[TableColumn], about("every column, in order")]


@answer(RUNS)
class Run(TypedDict):
    """One step of one pipeline run."""

    run_id: str
    job: str
    status: str
    started_at: Annotated[Instant | None, about("when the step began, UTC")]
    finished_at: Annotated[Instant | None, about("when the step ended, UTC")]
    rows_read: int | None
    rows_written: int | None
    rows_quarantined: int | None
    duplicates: int | None
    rows_forgotten: int | None


@answer()
class QuarantineRule(TypedDict):
    """How many rejected rows broke a rule; a row may break several."""

    rule: Annotated[str, about("the rule's name")]
    rows: Annotated[Count, about("rows that broke it")]


@answer()
class Quarantine(TypedDict):
    """What was rejected, over all runs."""

    rows: Annotated[Count | None, about("rejected rows; null when they cannot be counted")]
    by_rule: Annotated[list[QuarantineRule], about("the rule with most rows first")]


@answer(LAKE_DAILY)
class StrayDay(TypedDict):
    """A day that holds too few users to be real: ends and weeks do not count it."""

    day: Day
    users: int


@answer()
class Freshness(TypedDict):
    """How old the data is and whether the lake can be reached."""

    published_at: Annotated[Instant | None, about("when the release was published, UTC; null without one")]
    data_age_seconds: Annotated[float | None, about("since published_at")]
    last_day: Annotated[Day | None, about("the newest day with data")]
    checked_at: Annotated[Instant | None, about("when the lake was last looked at")]
    lake_readable: Annotated[
        bool, Field(description="whether the last look at the lake went well, and was not long ago")
    ]
    problems: Annotated[list[str], about("why answers may be old or incomplete; empty when all is well")]


@answer()
class Quality(TypedDict):
    """May the data be trusted today: runs, rejected rows, freshness."""

    runs: Annotated[list[Run], about("the newest first")]
    quarantine: Annotated[Quarantine, about("what was rejected")]
    stray_days: Annotated[
        list[StrayDay], Field(description="days with too few users to be real, such as of a wrong clock")
    ]
    freshness: Annotated[Freshness, about("how old the data is")]
