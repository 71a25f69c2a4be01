"""A day file gives back what was packed, for any names, from memory and from disk."""

import math
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from abtest_lib.errors import LakeError
from api.store.day_file import DayFile
from api.store.packing import pack_day

DAY = date(2021, 8, 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
COUNTS = st.integers(0, 2**53 - 1)
ROWS = st.dictionaries(st.tuples(TEXT, TEXT), st.tuples(COUNTS, COUNTS), max_size=200)


def daily(rows: dict[tuple[str, str], tuple[int, int]]) -> pa.Table:
    keys, counts = list(rows), list(rows.values())
    return pa.table(
        {
            "experiment_name": pa.array([name for name, _ in keys], pa.string()),
            "variant_id": pa.array([variant for _, variant in keys], pa.string()),
            "users": pa.array([users for users, _ in counts], pa.int64()),
            "purchases": pa.array([bought for _, bought in counts], pa.int64()),
        }
    )


def opened(folder: Path, **tables: pa.Table) -> DayFile:
    path = folder / "day"
    path.write_bytes(pack_day(DAY, tables))
    return DayFile(path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, other=TEXT, in_memory=st.booleans())
def test_every_row_comes_back(
    tmp_path: Path, rows: dict[tuple[str, str], tuple[int, int]], other: str, *, in_memory: bool
) -> None:
    file = opened(tmp_path, experiment_daily=daily(rows))
    if in_memory:
        file.load()
    names = {name for name, _ in rows}
    assert set(file.names()) == names
    back = {}
    for name in names:
        found = file.read(name)
        assert found is not None
        assert found.entry.daily_arms == len(found.names)
        for arm, variant in enumerate(found.names):
            back[name, variant] = (found.value(arm, "daily.users"), found.value(arm, "daily.purchases"))
    assert back == rows
    assert (file.read(other) is None) == (other not in names)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, order=st.randoms())
def test_the_order_of_rows_does_not_matter(
    tmp_path: Path, rows: dict[tuple[str, str], tuple[int, int]], order: st.DrawFn
) -> None:
    shuffled = list(rows.items())
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    assert pack_day(DAY, {"experiment_daily": daily(rows)}) == pack_day(
        DAY, {"experiment_daily": daily(dict(shuffled))}
    )
    assert tmp_path


def test_tables_meet_by_arm_and_nulls_stay_null(tmp_path: Path) -> None:
    posteriors = pa.table(
        {
            "window": ["day", "to_date", "day"],
            "metric": ["purchase", "purchase", "revenue"],
            "experiment_name": ["e", "e", "e"],
            "variant_id": ["10", "9", "9"],
            "conversion_mean": [0.25, None, 0.5],
            "r_hat": [1.5, math.nan, 2.0],
            "engine": ["exact", None, "other"],
            "seed": pa.array([2**63 - 1, None, 7], pa.int64()),
        }
    )
    found = opened(tmp_path, experiment_daily=daily({("e", "9"): (5, 1)}), posteriors=posteriors).read("e")
    assert found is not None
    assert found.names == ["9", "10"]
    assert [found.value(arm, "daily.users") for arm in (0, 1)] == [5, None]
    assert [found.value(arm, "posterior.day.conversion_mean") for arm in (0, 1)] == [None, 0.25]
    assert [found.text(arm, "posterior.day.engine") for arm in (0, 1)] == [None, "exact"]
    assert [found.integer(arm, "posterior.day.seed") for arm in (0, 1)] == [None, 2**63 - 1]
    assert found.pick(0, ("daily.users", "no.such", "posterior.to_date.r_hat")) == (5, None, None)


@pytest.mark.parametrize("seed", [0, -1, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63) + 1])
def test_integers_of_any_size_stay_exact(tmp_path: Path, seed: int) -> None:
    rows = {"window": ["day"], "metric": ["purchase"], "experiment_name": ["e"], "variant_id": ["1"], "seed": [seed]}
    found = opened(tmp_path, posteriors=pa.table(rows)).read("e")
    assert found is not None
    assert found.integer(0, "posterior.day.seed") == seed


@pytest.mark.parametrize("kept", [0, 5, 20, -1])
def test_a_truncated_file_is_refused(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "day"
    path.write_bytes(pack_day(DAY, {"experiment_daily": daily({("e", "1"): (5, 1)})})[:kept])
    with pytest.raises(LakeError, match="in the cache is damaged"):
        DayFile(path)
