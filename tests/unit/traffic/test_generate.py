"""Generated traffic: reproducible, of the documented shape, with the requested effects."""

import csv
import gzip
import json
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from abtest_lib.errors import MachineError, UsageError
from abtest_lib.registry import load_registry
from abtest_lib.traffic.catalog import DEFAULT_EXPERIMENTS, Arm, Experiment
from abtest_lib.traffic.corruption import BROKEN_RULES
from abtest_lib.traffic.effects import read_effects
from abtest_lib.traffic.events import Traffic
from abtest_lib.traffic.generate import generate_traffic

SMALL = Traffic(400, 4, 7, date(2021, 8, 1), "America/New_York", DEFAULT_EXPERIMENTS)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def variants(rows: list[dict[str, str]], experiment: str) -> dict[str, set[str]]:
    seen: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        pairs = dict(part.rsplit("=", 1) for part in row["experiments"][1:-1].split(", "))
        if experiment in pairs:
            seen[row["user_id"]].add(pairs[experiment])
    return seen


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.jsonl", "a.parquet"])
def test_equal_seeds_give_equal_bytes_and_other_seeds_do_not(tmp_path: Path, name: str) -> None:
    traffic = replace(SMALL, dirty=0.1)
    contents = []
    for folder, seed in (("one", 7), ("two", 7), ("three", 8)):
        generate_traffic(replace(traffic, seed=seed), tmp_path / folder / name)
        contents.append((tmp_path / folder / name).read_bytes())
    assert contents[0] == contents[1] != contents[2]


def test_all_formats_hold_the_same_events(tmp_path: Path) -> None:
    for name in ("a.csv", "a.csv.gz", "a.jsonl", "a.parquet"):
        generate_traffic(SMALL, tmp_path / name)
    expected = rows_of(tmp_path / "a.csv")
    assert expected
    assert gzip.decompress((tmp_path / "a.csv.gz").read_bytes()) == (tmp_path / "a.csv").read_bytes()
    for found in (
        [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()],
        pq.read_table(tmp_path / "a.parquet").to_pylist(),
    ):
        assert [{**row, "item_id": row.get("item_id") or ""} for row in found] == expected


def test_every_user_comes_and_a_session_goes_down_the_funnel(tmp_path: Path) -> None:
    generate_traffic(SMALL, tmp_path / "a.csv")
    rows = rows_of(tmp_path / "a.csv")
    assert {row["user_id"] for row in rows} == {str(number) for number in range(1, 401)}
    counts = Counter(row["event_name"] for row in rows)
    funnel = [counts[name] for name in ("SEARCH", "PRODUCT", "CHECKOUT_1", "CHECKOUT_2", "CHECKOUT_3", "BUY")]
    assert funnel == sorted(funnel, reverse=True)
    assert funnel[-1] > 0
    assert all((row["item_id"] == "") == (row["event_name"] == "SEARCH") for row in rows)


def test_a_folder_has_a_file_per_day_with_that_day_only(tmp_path: Path) -> None:
    generated = generate_traffic(SMALL, tmp_path / "days", ".csv")
    assert [path.name for path in generated.files] == [f"events-2021-08-0{day}.csv" for day in (1, 2, 3, 4)]
    total = 0
    for path in generated.files:
        rows = rows_of(path)
        total += len(rows)
        assert {row["timestamp"][:10] for row in rows} == {path.stem.removeprefix("events-")}
    assert total == generated.rows > 0
    assert not [path for path in (tmp_path / "days").iterdir() if path.suffix != ".csv"]


def test_offsets_follow_the_clocks_when_they_change(tmp_path: Path) -> None:
    """On 7 November 2021 New York's clocks went back at 02:00, so that the day had 25 hours."""
    traffic = replace(SMALL, users=3000, days=1, start=date(2021, 11, 7))
    generate_traffic(traffic, tmp_path / "a.csv")
    moments = [row["timestamp"] for row in rows_of(tmp_path / "a.csv")]
    assert {moment[-5:] for moment in moments if moment[11:13] == "00"} == {"-0400"}
    assert {moment[-5:] for moment in moments if moment[11:13] == "01"} == {"-0400", "-0500"}
    assert {moment[-5:] for moment in moments if moment[11:13] > "01"} == {"-0500"}
    instants = [datetime.strptime(moment, "%Y-%m-%dT%H:%M:%S.%f%z") for moment in moments]
    assert instants == sorted(instants)


def test_shares_lifts_and_cross_exposure_are_as_requested(tmp_path: Path) -> None:
    experiment = Experiment("one", ("search", "product", "checkout"), (Arm("a", 0.8), Arm("b", 0.2, lift=2.0)))
    crossing = Experiment("two", ("search", "product"), (Arm("a", 0.5), Arm("b", 0.5)), cross_exposed=1.0)
    traffic = replace(SMALL, users=8000, experiments=(experiment, crossing))
    generate_traffic(traffic, tmp_path / "a.csv")
    rows = rows_of(tmp_path / "a.csv")
    buyers = {row["user_id"] for row in rows if row["event_name"] == "BUY"}
    arms = variants(rows, "one")
    assert all(len(seen) == 1 for seen in arms.values())
    in_b = [user for user, seen in arms.items() if seen == {"b"}]
    in_a = [user for user, seen in arms.items() if seen == {"a"}]
    # 8,000 users at 20 %: a standard deviation of 36; conversions of 6 % and 17 %: about 20 standard errors apart.
    assert len(in_b) == pytest.approx(1600, abs=150)
    rates = [len(buyers & set(users)) / len(users) for users in (in_a, in_b)]
    assert 2.2 < rates[1] / rates[0] < 3.2
    assert sum(len(seen) == 2 for seen in variants(rows, "two").values()) > 800


def test_a_late_experiment_and_the_fallback(tmp_path: Path) -> None:
    late = Experiment("late", ("search",), (Arm("1", 1.0),), starts=0.5, fallback=0.3)
    generate_traffic(replace(SMALL, experiments=(late,)), tmp_path / "days")
    seen = [Counter(row["experiments"] for row in rows_of(path)) for path in sorted((tmp_path / "days").iterdir())]
    assert set(seen[0]) == set(seen[1]) == {"{}"}
    assert set(seen[2]) == set(seen[3]) == {"{}", "{late=1}", "{late=DEFAULT}"}


def test_distinct_maps_stay_few(tmp_path: Path) -> None:
    generate_traffic(replace(SMALL, users=4000), tmp_path / "a.csv")
    rows = rows_of(tmp_path / "a.csv")
    distinct = {row["experiments"] for row in rows}
    assert len(rows) > 20_000
    assert len(distinct) < 1_500
    assert 7 < sum(row["experiments"].count("=") for row in rows) / len(rows) < 12


def test_every_kind_of_corruption_is_used_however_small_the_share(tmp_path: Path) -> None:
    generated = generate_traffic(replace(SMALL, dirty=0.001), tmp_path / "a.csv")
    assert set(generated.corruptions) == set(BROKEN_RULES)
    assert sum(generated.corruptions.values()) < 2 * len(BROKEN_RULES)
    data = (tmp_path / "a.csv").read_bytes()
    assert b"\xff" in data
    assert b"\x00" in data
    assert data.count(b"\n") == generated.rows + 1


def test_the_truth_reads_back_as_effects_and_the_registry_loads(tmp_path: Path) -> None:
    generated = generate_traffic(SMALL, tmp_path / "a.csv.gz")
    assert generated.truth == tmp_path / "a.truth.yaml"
    again = read_effects(generated.truth)
    assert [item.name for item in again] == [item.name for item in DEFAULT_EXPERIMENTS]
    assert [[arm.lift for arm in item.arms] for item in again] == [
        [a.lift for a in i.arms] for i in DEFAULT_EXPERIMENTS
    ]
    assert [item.pages for item in again] == [item.pages for item in DEFAULT_EXPERIMENTS]
    declared = load_registry(generated.registry)
    carousel = declared.get("vip/gallery-carousel")
    assert carousel is not None
    assert carousel.allocations[0].shares == {"6786": 0.5, "6787": 0.5}
    assert carousel.end == date(2021, 8, 4)
    assert declared.get("search/aa-test") is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"users": 0}, "users = 0: must be at least 1"),
        ({"days": -1}, "days = -1: must be at least 1"),
        ({"dirty": 1.5}, "dirty = 1.5: must be a share"),
        ({"seed": -1}, "seed = -1: must not be negative"),
    ],
)
def test_impossible_settings(tmp_path: Path, change: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        generate_traffic(replace(SMALL, **change), tmp_path / "a.csv")  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_an_unknown_suffix_or_a_disk_that_refuses(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"must end in \.csv"):
        generate_traffic(SMALL, tmp_path / "events.xlsx")
    with pytest.raises(UsageError, match=r"unknown format '\.xml'"):
        generate_traffic(SMALL, tmp_path / "events", ".xml")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(MachineError, match="cannot write"):
        generate_traffic(SMALL, tmp_path / "file" / "events.csv")


def test_a_failure_leaves_no_half_file(tmp_path: Path) -> None:
    def stop(day: int, _rows: int) -> None:
        if day == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate_traffic(SMALL, tmp_path / "a.csv", on_day=stop)
    assert not list(tmp_path.iterdir())
