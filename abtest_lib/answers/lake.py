"""Answers about the lake: tables, runs, quarantine, freshness."""

from typing import Annotated, Any

from typing_extensions import TypedDict

from abtest_lib.answers.common import Count, Day, Instant, about, answer
from abtest_lib.contracts import LAKE_DAILY, RUNS


@answer()
class TableColumn(TypedDict):
    """One column of a table."""

    name: Annotated[str, about("the column")]
    type: Annotated[str, about("its Spark SQL type")]
    meaning: Annotated[str, about("what it means, with its unit")]


TableProblem = Annotated[str | None, about("why the table cannot be read")]


@answer()
class TableCounts(TypedDict):
    """One table of the lake, and its size."""

    layer: Annotated[str, about("the folder: bronze, quarantine, silver, gold or ops")]
    table: Annotated[str, about("its name inside the layer")]
    grain: Annotated[str, about("the meaning of one row")]
    version: Annotated[int | None, about("Delta version; null if the table cannot be read")]
    rows: Annotated[Count | None, about("number of rows, without deleted ones")]
    files: Annotated[Count | None, about("number of data files")]
    bytes: Annotated[Count | None, about("size of the data files")]


@answer()
class TableSummary(TableCounts):
    """One table of the lake at the time of the last release or run."""

    problem: TableProblem


@answer()
class TableList(TypedDict):
    """Every table of the lake."""

    tables: Annotated[list[TableSummary], about("the tables from bronze to gold, then ops")]


@answer()
class Table(TableCounts):
    """One table with a sample of its rows."""

    sample: Annotated[list[dict[str, Any]], about("some rows by column, with ids of people masked")]
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
    """The number of rejected rows that broke a rule; a row may break several."""

    rule: Annotated[str, about("the rule's name")]
    rows: Annotated[Count, about("number of rows")]


@answer()
class Quarantine(TypedDict):
    """The rejected rows of all runs."""

    rows: Annotated[Count | None, about("number of rejected rows; null if the table cannot be read")]
    by_rule: Annotated[list[QuarantineRule], about("the number by rule, largest first")]


@answer(LAKE_DAILY)
class StrayDay(TypedDict):
    """A day with too few users to be real; planned ends and weeks do not count it."""

    day: Day
    users: int


@answer()
class Freshness(TypedDict):
    """The age of the data, and whether the lake can be read."""

    published_at: Annotated[Instant | None, about("when the release was published, UTC; null without one")]
    data_age_seconds: Annotated[float | None, about("since published_at")]
    last_day: Annotated[Day | None, about("the newest day with data")]
    checked_at: Annotated[Instant | None, about("when the lake was last checked")]
    lake_readable: Annotated[bool, about("whether the last check of the lake succeeded and is recent")]
    problems: Annotated[list[str], about("why answers may be old or incomplete; empty if all is well")]


@answer()
class Quality(TypedDict):
    """The quality of the data: runs, rejected rows, freshness."""

    runs: Annotated[list[Run], about("the runs, newest first")]
    quarantine: Annotated[Quarantine, about("the rejected rows")]
    stray_days: Annotated[list[StrayDay], about("days with too few users to be real, such as those of a wrong clock")]
    freshness: Annotated[Freshness, about("the age of the data")]
