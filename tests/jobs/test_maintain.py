"""Upkeep changes no row, takes files away, and leaves readers and the next run undisturbed."""

from datetime import timedelta
from pathlib import Path

from pyspark.sql import SparkSession

from abtest_lib.config import Settings, load_settings
from abtest_lib.contracts import EVENTS, RELEASES
from abtest_lib.lake.lake import Lake
from abtest_lib.pipeline.maintain import Keep, maintain
from abtest_lib.pipeline.runner import run_pipeline
from tests.api.serving import mirror, served, settings_for
from tests.jobs.test_forget import METRICS, contents

HEADER = "event_name,item_id,timestamp,site,experiments,user_id\n"
RESULT = "/experiment/search|one/result"


def settings(**overrides: object) -> Settings:
    return load_settings(overrides={"engine": "exact", "metrics": METRICS} | overrides)


def built_with() -> Settings:
    """Upkeep takes these from the lake."""
    return settings(reporting_timezone="America/Bogota", attribution_window="7d", fallback_variants=["DEFAULT"])


def batch(folder: Path, number: int) -> str:
    """Twenty events of the same two days, of other users in each batch."""
    lines = [
        f"{'BUY' if user % 4 == 0 else 'VIEW'},7,2021-08-0{1 + user % 2}T1{number}:00:00.000-0400,MLA,"
        f'"{{search/one={"AB"[user % 2]}}}",{number}-{user}\n'
        for user in range(20)
    ]
    path = folder / f"{number}.csv"
    path.write_text(HEADER + "".join(lines) + f"VIEW,1,never,MLA,{{}},{number}\n")
    return str(path)


def test_upkeep_changes_no_row_and_disturbs_nobody(spark: SparkSession, tmp_path: Path) -> None:
    lake, cache = tmp_path / "lake", tmp_path / "cache"
    for number in range(2):
        run_pipeline(Lake(spark, lake), built_with(), batch(tmp_path, number))
    before = contents(spark, lake)
    with served(lake, cache) as client:
        answer = client.get(RESULT).json()["results"]["variants"]
        seen = maintain(Lake(spark, lake), settings(), Keep(), dry_run=True)
        assert all(item.before == item.after for item in seen)
        nothing_kept = Keep(versions=timedelta(0), log=timedelta(days=1), quarantine=timedelta(0))
        done = {item.table: item for item in maintain(Lake(spark, lake), settings(), nothing_kept)}
        assert client.get(RESULT).json()["results"]["variants"] == answer
        mirror(settings_for(lake, cache))
        assert client.get(RESULT).json()["results"]["variants"] == answer
    assert contents(spark, lake) == before
    events = done["bronze/events"]
    assert events.before.live_files > events.after.live_files == 2
    assert events.after.stale_files == done["silver/exposures"].after.stale_files == 0
    assert done["silver/exposures"].after.pieces == 0
    assert done["quarantine/events"].after.live_files == 0
    assert Lake(spark, lake)[RELEASES].read().count() == 1

    both = Path(batch(tmp_path, 2))
    both.write_text(both.read_text() + Path(batch(tmp_path, 1)).read_text().removeprefix(HEADER))
    ingested, *_ = run_pipeline(Lake(spark, lake), built_with(), str(both))
    # The rejected row was removed by its retention, so that it is new to quarantine when it is sent again.
    assert (ingested.duplicates, ingested.rows_written, ingested.rows_quarantined) == (20, 20, 2)
    assert Lake(spark, lake)[EVENTS].read().count() == 60
