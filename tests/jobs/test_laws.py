"""Laws that hold whatever the events are: of order, batches, repetition, days and the attribution window.

Every example is a whole run or several, so that there is one rich example of each law; ABTEST_TEST_EXAMPLES asks for
more of them.
"""

import os
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from abtest_lib.contracts import ALL_TABLES
from tests.oracle.compare import SILVER_AND_GOLD, assert_lake_equals_oracle, read_records
from tests.oracle.etl import run_etl
from tests.oracle.world import World

EXAMPLES = int(os.environ.get("ABTEST_TEST_EXAMPLES", "1"))
HEADER = "event_name,item_id,timestamp,site,experiments,user_id\n"
MAPS = ("{}", "{a=1, b=2}", "{a=2, b=2}", "{a=1, b=10, c=DEFAULT}", "{b=2, c=x}", "{a=DEFAULT, c=DEFAULT}", "{c=y}")
POLICIES = ("first", "exclude", "include")
WINDOWS = (None, "1h", "1d")
MICROSECOND = timedelta(microseconds=1)
# Instants at which clocks change: forward and back, at midnight, by half an hour, and a day that was left out.
CHANGES = {
    "America/New_York": (datetime(2021, 3, 14, 7, tzinfo=UTC), datetime(2021, 11, 7, 6, tzinfo=UTC)),
    "Europe/London": (datetime(2021, 3, 28, 1, tzinfo=UTC), datetime(2021, 10, 31, 1, tzinfo=UTC)),
    "America/Sao_Paulo": (datetime(2018, 2, 18, 2, tzinfo=UTC), datetime(2018, 11, 4, 3, tzinfo=UTC)),
    "Australia/Lord_Howe": (datetime(2021, 4, 3, 15, tzinfo=UTC), datetime(2021, 10, 2, 15, 30, tzinfo=UTC)),
    "Pacific/Apia": (datetime(2011, 12, 30, 10, tzinfo=UTC),),
    "Asia/Kathmandu": (datetime(2021, 6, 1, 18, 15, tzinfo=UTC),),
}

# No shrinking: a smaller counterexample is not worth dozens of runs.
few = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


@dataclass(frozen=True)
class Event:
    """One event; `offset` is how its clock was set, in minutes."""

    name: str
    moment: datetime
    user: str
    experiments: str
    offset: int = 0

    def line(self) -> str:
        clock = self.moment.astimezone(timezone(timedelta(minutes=self.offset)))
        return f'{self.name},,{clock.isoformat(timespec="microseconds")},MLA,"{self.experiments}",{self.user}\n'


names = st.sampled_from(["SEARCH", "SEARCH", "PRODUCT", "BUY"])
users = st.sampled_from([f"u{number}" for number in range(8)])
offsets = st.sampled_from([0, -240, 345, 840, -720])
jitter = st.sampled_from([timedelta(), timedelta(), MICROSECOND, -MICROSECOND])


def events(base: datetime, hours: int) -> st.SearchStrategy[Event]:
    """Events on whole hours or a microsecond beside them: windows of whole hours meet them at their edges."""
    moments = st.builds(lambda hour, beside: base + timedelta(hours=hour) + beside, st.integers(0, hours), jitter)
    return st.builds(Event, names, moments, users, st.sampled_from(MAPS), offsets)


def world(policy: str, window: str | None, zone: str) -> World:
    return World(
        {
            "cross_exposed": policy,
            "attribution_window": window,
            "reporting_timezone": zone,
            "fallback_variants": ["DEFAULT"],
        }
    )


worlds = st.builds(world, st.sampled_from(POLICIES), st.sampled_from(WINDOWS), st.sampled_from(sorted(CHANGES)))


def write(path: Path, rows: list[Event]) -> Path:
    path.write_text(HEADER + "".join(event.line() for event in rows), encoding="utf-8")
    return path


def everything(spark: SparkSession, lake: str) -> dict[str, Counter[tuple[object, ...]]]:
    """Silver and gold, row_id included."""
    tables = [table for table in ALL_TABLES if table.full_name in SILVER_AND_GOLD]
    records = {table.full_name: read_records(spark, lake, table) for table in tables}
    return {name: Counter(tuple(row.values()) for row in rows) for name, rows in records.items()}


@few
@given(
    rows=st.lists(events(datetime(2021, 11, 5, 20, tzinfo=UTC), 60), min_size=60, max_size=90),
    batch_of=st.lists(st.integers(0, 1), min_size=90, max_size=90),
    again=st.lists(st.integers(0, 59), min_size=5, max_size=15),
    where=worlds,
)
def test_order_batches_and_repetition_change_nothing(
    spark: SparkSession,
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[Event],
    batch_of: list[int],
    again: list[int],
    where: World,
) -> None:
    """Batches in any order, with rows that come again, give what all rows at once give; and so does a full refresh."""
    folder = tmp_path_factory.mktemp("batches")
    lake, chosen = str(folder / "lake"), where.settings(folder)
    batches = [[event for event, turn in zip(rows, batch_of, strict=False) if turn == number] for number in range(2)]
    batches[1] += [rows[number] for number in again]
    for number, batch in enumerate(batches):
        run_etl(spark, chosen, write(folder / f"batch-{number}.csv", batch), lake)
    at_once = write(folder / "all.csv", rows)
    assert_lake_equals_oracle(spark, lake, [at_once], where.oracle())
    incremental = everything(spark, lake)
    run_etl(spark, chosen, None, lake, full_refresh=True)
    assert everything(spark, lake) == incremental


@few
@given(data=st.data(), zone=st.sampled_from(sorted(CHANGES)), policy=st.sampled_from(POLICIES))
def test_days_are_those_of_the_reporting_time_zone(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, zone: str, policy: str
) -> None:
    """Around every change of clocks, to the microsecond before and at midnight."""
    rows = [
        event
        for change in CHANGES[zone]
        for event in data.draw(st.lists(events(change - timedelta(hours=30), 60), min_size=25, max_size=40))
    ]
    for midnight in {_midnight_after(event.moment, zone) for event in rows}:
        rows += [Event("SEARCH", midnight - MICROSECOND, "early", "{a=1}"), Event("BUY", midnight, "late", "{a=2}")]
    folder = tmp_path_factory.mktemp("days")
    lake, where = str(folder / "lake"), world(policy, None, zone)
    path = write(folder / "events.csv", rows)
    run_etl(spark, where.settings(folder), path, lake)
    expected = assert_lake_equals_oracle(spark, lake, [path], where.oracle())
    assert len({row[0] for row in expected.experiment_daily}) > 2


def _midnight_after(moment: datetime, zone: str) -> datetime:
    """The first whole quarter of an hour at which the date has changed; some midnights do not exist."""
    today = moment.astimezone(ZoneInfo(zone)).date()
    quarter = moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)
    while quarter.astimezone(ZoneInfo(zone)).date() == today:
        quarter += timedelta(minutes=15)
    return quarter


@few
@given(
    rows=st.lists(events(datetime(2021, 8, 1, tzinfo=UTC), 30), min_size=40, max_size=60),
    gaps=st.lists(st.integers(-2, 2), min_size=12, max_size=12),
    window=st.sampled_from(WINDOWS[1:]),
    policy=st.sampled_from(POLICIES),
)
def test_a_purchase_counts_up_to_the_edge_of_the_window(
    spark: SparkSession,
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[Event],
    gaps: list[int],
    window: str,
    policy: str,
) -> None:
    """A search and a purchase the length of the window later, give or take two microseconds; the purchase is late."""
    where = world(policy, window, "UTC")
    length = where.oracle().attribution_window
    assert length is not None
    seen = datetime(2021, 8, 1, 6, tzinfo=UTC)
    searches = [Event("SEARCH", seen, f"edge{number}", "{edge=1}") for number in range(len(gaps))]
    bought = [
        Event("BUY", seen + length + gap * MICROSECOND, f"edge{number}", "{other=1}") for number, gap in enumerate(gaps)
    ]
    folder = tmp_path_factory.mktemp("edge")
    lake, chosen = str(folder / "lake"), where.settings(folder)
    paths = [write(folder / "first.csv", rows + searches), write(folder / "second.csv", bought)]
    for path in paths:
        run_etl(spark, chosen, path, lake)
    expected = assert_lake_equals_oracle(spark, lake, paths, where.oracle())
    counted = next(row[-1] for row in expected.experiment_daily if row[1] == "edge")
    assert counted == sum(gap <= 0 for gap in gaps)
