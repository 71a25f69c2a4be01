"""Ten thousand rows, damaged at random: every one is accounted for, none stops the run."""

import random
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from abtest_lib.config import load_settings
from abtest_lib.contracts import EVENTS, QUARANTINE
from abtest_lib.lake.lake import Lake
from abtest_lib.pipeline.ingest_bronze import JOB
from abtest_lib.pipeline.runner import ingesting, run_steps

HEADER = b"event_name,item_id,timestamp,site,experiments,user_id\n"
ROWS = 10_000
NASTY = [b"\x00", b"\xff\xfe", b"\xc3\x28", b"NULL", "é🙂".encode(), *(bytes([code]) for code in b"\"'={},\\\t")]


def damaged(row: int, chance: random.Random) -> bytes:
    """A good line with up to four random edits: bytes put in, taken out, doubled, replaced."""
    moment = f"2021-08-01T10:{row % 60:02d}:00.{row % 1000:03d}-0400"
    line = bytearray(f'VIEW,{row},{moment},MLA,"{{a={row % 3}, b/c=x}}",user-{row}'.encode())
    for _ in range(chance.randrange(5)):
        at = chance.randrange(len(line) + 1)
        edit = chance.randrange(4)
        if edit == 0:
            line[at:at] = chance.choice(NASTY)
        elif edit == 1:
            del line[at : at + chance.randrange(1, 20)]
        elif edit == 2:
            line[at:at] = line[at : at + chance.randrange(1, 30)]
        else:
            line[at : at + 1] = bytes([chance.randrange(256)])
    return bytes(line).replace(b"\n", b"").replace(b"\r", b"")


@pytest.mark.parametrize("seed", [1, 2])
def test_damaged_rows_are_all_accounted_for(spark: SparkSession, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  reproducible damage
    lines = [line for line in (damaged(row, chance) for row in range(ROWS)) if line.strip()]
    source, lake = tmp_path / "events.csv", str(tmp_path / "lake")
    source.write_bytes(HEADER + b"\n".join(lines) + b"\n")
    (report,) = run_steps(Lake(spark, lake), load_settings(), {JOB: ingesting(str(source))})
    assert report.rows_read == report.rows_written + report.duplicates + report.rows_quarantined == len(lines)
    assert Lake(spark, lake)[EVENTS].read().count() == report.rows_written
    rejected = Lake(spark, lake)[QUARANTINE].read()
    assert rejected.count() == report.rows_quarantined > 0
    assert rejected.where("size(failed_rules) = 0").count() == 0
