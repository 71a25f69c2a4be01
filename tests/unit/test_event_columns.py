"""The settings about columns of the input, and what is read from a file with some columns."""

import pytest

from abtest_lib.config import Settings, load_settings
from abtest_lib.contracts import EVENTS, RAW_FIELDS, events_with
from abtest_lib.errors import ConfigError
from abtest_lib.ingest.wanted_columns import SIX_FIELDS, WantedColumns
from abtest_lib.pipeline.changed_columns import notices_of_changes


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"event_columns": {"price": "int"}}, "column price of type 'int': the types are double and string"),
        ({"event_columns": {"price": "DOUBLE"}}, "the types are double and string"),
        ({"event_columns": {"price": None}}, "setting event_columns.price = None: Input should be a valid string"),
        ({"event_columns": {"price": {"type": "double"}}}, "setting event_columns.price = .*should be a valid string"),
        ({"event_columns": ["price"]}, "setting event_columns = .*not a mapping such as {name: value}"),
        ({"event_columns": "price"}, "setting event_columns = 'price': not a mapping"),
        ({"event_columns": "price=double"}, "setting event_columns = 'price=double': not a mapping"),
        ({"event_columns": "{price: [}"}, "setting event_columns line 1: not YAML"),
        ({"event_columns": "{price: double, price: string}"}, "key 'price' appears twice"),
        ({"event_columns": {"unit price": "double"}}, "'unit price': a name has letters, digits and _"),
        ({"event_columns": {"1st": "double"}}, "begins with a letter"),
        ({"event_columns": {"": "double"}}, "begins with a letter"),
        ({"event_columns": {"x" * 65: "double"}}, "begins with a letter"),
        ({"event_columns": {"user_id": "string"}}, "column user_id: a table has a column of this name"),
        ({"event_columns": {"Raw_Record": "string"}}, "column Raw_Record: a table has"),
        ({"event_columns": {"variant_id": "string"}}, "column variant_id: a table has"),
        ({"event_columns": {"price": "double", "Price": "string"}}, "differ only in upper and lower case"),
        ({"event_columns": {f"c{place}": "double" for place in range(101)}}, "101 columns: at most 100"),
        ({"column_names": {"user": "visitor"}}, "there is no field user; the nearest: user_id"),
        ({"column_names": {"price": "Price"}}, "there is no field price; there are event_name"),
        ({"column_names": {"user_id": " "}}, "field user_id is read from ' ': give the name of a column"),
        ({"column_names": {"user_id": "a\nb"}}, r"field user_id is read from 'a\\nb': give the name"),
        ({"column_names": {"user_id": None}}, "setting column_names.user_id = None"),
        ({"column_names": {"user_id": "item_id"}}, "two fields are read from column item_id"),
        ({"column_names": {"user_id": "v", "site": "v"}}, "two fields are read from column v"),
        ({"column_names": {"user_id": "v", "site": "V"}}, r"column v \(in upper or lower case\)"),
        ({"timestamp_timezone": "+02:00"}, r"timestamp_timezone = '\+02:00': not an IANA time zone"),
        ({"timestamp_timezone": "a'b"}, "not an IANA time zone"),
        ({"timestamp_format": "epoch"}, "timestamp_format = 'epoch': Input should be 'iso', 'epoch_s' or 'epoch_ms'"),
    ],
)
def test_a_bad_value_gives_one_line(overrides: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load_settings(overrides=overrides)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("text", ["{price: double}", '{"price": "double"}', "price: double", " {price: double} "])
def test_columns_in_the_environment(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABTEST_EVENT_COLUMNS", text)
    monkeypatch.setenv("ABTEST_COLUMN_NAMES", "{user_id: visitor, price: 'unit price'}")
    settings = load_settings()
    assert settings.event_columns == {"price": "double"}
    assert settings.column_names == {"user_id": "visitor", "price": "unit price"}


@pytest.mark.parametrize("text", ["", "null", "{}"])
def test_nothing_in_the_environment_means_none(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    overrides = {"event_columns": {"price": "double"}, "timestamp_timezone": "Asia/Tokyo"}
    monkeypatch.setenv("ABTEST_EVENT_COLUMNS", text)
    monkeypatch.setenv("ABTEST_TIMESTAMP_TIMEZONE", text.strip("{}"))
    settings = load_settings(overrides=overrides)
    assert (settings.event_columns, settings.timestamp_timezone) == ({}, None)


def test_a_lake_remembers_its_columns_in_any_order() -> None:
    one = load_settings(overrides={"event_columns": {"price": "double", "device": "string"}})
    two = load_settings(overrides={"event_columns": {"device": "string", "price": "double"}})
    assert one.config_hash() == two.config_hash() != load_settings().config_hash()
    assert load_settings().with_table_settings(one.table_settings()).event_columns == one.event_columns


def wanted(**settings: object) -> WantedColumns:
    return WantedColumns.of(Settings.model_validate(settings))


def test_the_six_fields_are_wanted_by_default() -> None:
    assert wanted() == SIX_FIELDS
    assert SIX_FIELDS.fields == SIX_FIELDS.sources == SIX_FIELDS.required == RAW_FIELDS


def test_columns_of_a_file_become_fields() -> None:
    columns = wanted(event_columns={"price": "double"}, column_names={"user_id": "visitor", "price": "unit price"})
    assert columns.fields == (*RAW_FIELDS, "price")
    assert columns.required == (*RAW_FIELDS[:5], "visitor")
    assert columns.sources == (*RAW_FIELDS[:5], "visitor", "unit price")
    assert columns.present(["unit price", "site", "user_id"]) == ("site", "price")
    header = ["visitor", "user_id", "unit price", "price", "site", "x", "x"]
    assert columns.renamed(header) == ("user_id", "_column_1", "price", "_column_3", "site", "_column_5", "_column_6")
    assert columns.missing_notices(["visitor"], "a.csv") == [
        "a.csv has no column unit price: its events have no value there"
    ]
    assert columns.missing_notices(["unit price"], "a.csv") == []


def test_the_contract_of_events_with_columns() -> None:
    assert events_with({}) == EVENTS
    added = events_with({"price": "double", "device": "string"})
    assert list(added.types.items()) == [*EVENTS.types.items(), ("price", "double"), ("device", "string")]
    assert all(column.nullable for column in added.columns[-2:])


def test_a_run_says_which_columns_changed() -> None:
    stored = dict.fromkeys(EVENTS.column_names, "string")
    assert notices_of_changes({"price": "double"}, {}) == ()
    assert notices_of_changes({}, stored) == ()
    twice = "sending the same files again would count their events twice"
    both = notices_of_changes({"price": "double", "device": "string"}, stored | {"color": "string", "device": "string"})
    assert both == (
        f"event column price is new: events already stored have no value there, and {twice}",
        f"event column color is no longer declared: bronze/events keeps its values, no metric reads them, and {twice}",
    )
