"""The metrics of a day file: every row comes back under its metric, segment and arm; purchases stay with the arms."""

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from abtest_lib.contracts import COMPARISONS
from api.store.day_file import DayFile
from api.store.metric_section import NUMBERS
from api.store.packing import pack_day

DAY = date(2021, 8, 1)
TYPES = {"string": pa.string(), "double": pa.float64(), "bigint": pa.int64()}
SCHEMA = pa.schema([pa.field(column.name, TYPES.get(column.type, pa.date32())) for column in COMPARISONS.columns])
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
SEGMENTS = st.one_of(st.just("all"), TEXT.map("site={}".format))
METRICS = st.one_of(st.just("purchase"), TEXT)
ROWS = st.dictionaries(st.tuples(TEXT, TEXT, METRICS, SEGMENTS), st.integers(-1_000, 1_000), max_size=60)
QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
Key = tuple[str, str, str, str]


def compared(rows: dict[Key, int]) -> pa.Table:
    full = [
        {
            "window": "to_date", "experiment_name": experiment, "variant_id": arm, "metric": metric, "segment": segment,
            "role": "goal", "status": "unproven", "difference": float(value), "users": abs(value),
        }
        for (experiment, arm, metric, segment), value in rows.items()
    ]  # fmt: skip
    return pa.Table.from_pylist([{name: row.get(name) for name in SCHEMA.names} for row in full], schema=SCHEMA)


def opened(folder: Path, name: str = "day", **tables: pa.Table) -> DayFile:
    path = folder / name
    path.write_bytes(pack_day(DAY, tables))
    return DayFile(path)


def read_back(file: DayFile, name: str) -> dict[Key, dict[str, Any]]:
    """Everything about one experiment except purchases by all users."""
    found = file.read(name)
    assert found is not None
    everybody, segments = list(found.metrics()), file.segments(name)
    assert {row.segment for row in everybody} <= {"all"}
    assert "all" not in {row.segment for row in segments}
    return {
        (name, found.names[row.arm], row.metric, row.segment): dict(zip(NUMBERS, row.numbers, strict=True))
        for row in (*everybody, *segments)
    }


@QUICK
@given(rows=ROWS, in_memory=st.booleans())
def test_every_row_comes_back(tmp_path: Path, rows: dict[Key, int], *, in_memory: bool) -> None:
    file = opened(tmp_path, comparisons=compared(rows))
    if in_memory:
        file.load()
    back: dict[Key, dict[str, Any]] = {}
    for name in {key[0] for key in rows}:
        back |= read_back(file, name)
    expected = {key: value for key, value in rows.items() if key[2:] != ("purchase", "all")}
    assert {key: numbers["difference"] for key, numbers in back.items()} == expected
    assert {key: numbers["users"] for key, numbers in back.items()} == {key: abs(v) for key, v in expected.items()}
    assert {numbers["margin"] for numbers in back.values()} <= {None}


@QUICK
@given(rows=ROWS)
def test_other_rows_leave_purchases_as_they_are(tmp_path: Path, rows: dict[Key, int]) -> None:
    purchases = {key: value for key, value in rows.items() if key[2:] == ("purchase", "all")}
    alone, together = (
        opened(tmp_path, name, comparisons=compared(content)) for name, content in (("alone", purchases), ("all", rows))
    )
    for name, arm, *_ in purchases:
        before, now = alone.read(name), together.read(name)
        assert before is not None
        assert now is not None
        column = "comparison.to_date.difference"
        assert before.value(before.names.index(arm), column) == now.value(now.names.index(arm), column)
        assert len(list(before.metrics())) == 0


def test_the_order_of_the_rows_does_not_matter(tmp_path: Path) -> None:
    rows = {("e", arm, metric, segment): 1 for arm in "AB" for metric in "xy" for segment in ("all", "s=1", "s=2")}
    reversed_rows = dict(reversed(rows.items()))
    assert pack_day(DAY, {"comparisons": compared(rows)}) == pack_day(DAY, {"comparisons": compared(reversed_rows)})
    file = opened(tmp_path, comparisons=compared(rows))
    assert list(read_back(file, "e")) == sorted(rows, key=lambda key: (key[3] != "all", key[2], key[3], key[1]))
