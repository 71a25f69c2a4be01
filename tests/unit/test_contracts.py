"""Laws that hold for every table, and each table's columns as the design states them."""

import re

import pytest

from abtest_lib.contracts import ALL_TABLES, GOLD_TABLES, RAW_FIELDS, READABLE_BY_DELTA_RS, TableContract

# The design's page, copied by hand. What a contract may add to it stands in ADDED, with its reason.
DESIGN = {
    "bronze/events": "row_id event_name item_id timestamp site experiments user_id event_date source_file ingested_at",
    "quarantine/events": "row_id event_name item_id timestamp site experiments user_id failed_rules source_file "
    "quarantined_at",
    "silver/exposures": "row_id user_id timestamp day event_name item_id site experiment_name variant_id flag_purchase",
    "silver/purchases": "row_id user_id timestamp",
    "silver/participants": "experiment_name user_id variant_id first_exposed_at converted_at cross_exposed_at",
    "gold/lake_daily": "day users events quarantined_rows",  # ADR 10
    "gold/experiment_daily": "day experiment_name variant_id users purchases",
    "gold/funnel_daily": "day event_name experiment_name variant_id users purchases",
    "gold/experiment_to_date": "day experiment_name variant_id period_start users purchases cross_exposed_users "
    "cross_exposed_purchases",
    "gold/experiment_health": "day experiment_name participants participants_to_date cross_exposed_users "
    "cross_exposed_users_to_date first_day days_running",
    "gold/metric_to_date": "day experiment_name variant_id metric segment period_start users sum_x sum_xx sum_y sum_yy "
    "sum_xy sum_c sum_cc sum_xc sum_yc mature_users",
    "gold/posteriors": "window metric day experiment_name variant_id is_control users purchases conversion_mean "
    "conversion_sd interval_lower interval_upper hdi_lower hdi_upper probability_best probability_beats_control "
    "expected_loss lift_median lift_lower lift_upper engine r_hat ess_bulk ess_tail divergences status reason prior "
    "model_version seed",
    "gold/comparisons": "window metric day experiment_name variant_id control_id difference difference_lower "
    "difference_upper lift lift_lower lift_upper statistic p_value p_adjusted decision_lower decision_upper boundary "
    "information chi_square chi_square_dof chi_square_p_value",
    "gold/verdicts": "day experiment_name is_valid reasons winner decision decided_on period_start control_id "
    "srm_p_value srm_status cross_exposed_share information_fraction model_version explanation",
    "ops/releases": "run_id published_at versions",
    "ops/runs": "run_id job status started_at finished_at rows_read rows_written rows_quarantined duplicates "
    "input_versions output_versions config_hash code_version",
}
ADDED = {
    "quarantine/events": {"raw_record", "event_columns"},  # a line that does not split has no fields; own columns
    "gold/comparisons": {  # Holm and Benjamini-Hochberg for information, and what a metric of the catalogue needs
        *("p_holm", "p_benjamini_hochberg", "segment", "role", "status", "margin", "users", "control_users", "value"),
        *("control_value", "unadjusted_difference", "unadjusted_lower", "unadjusted_upper", "variance_reduction"),
        "interaction_p_value",
    },
    "gold/metric_to_date": {"capped_users"},  # how many users a cap touches
    "gold/verdicts": {"metric"},  # which goal decided
    "ops/runs": {"rows_forgotten"},  # read = new + duplicates + quarantined + forgotten
}
GRAINS = {
    "bronze/events": "distinct raw event",
    "quarantine/events": "distinct rejected raw row",
    "silver/exposures": "event × experiment",
    "silver/purchases": "purchase",
    "silver/participants": "experiment × user × variant",
    "gold/lake_daily": "day",
    "gold/experiment_daily": "day × experiment × variant",
    "gold/funnel_daily": "day × event × experiment × variant",
    "gold/experiment_to_date": "as-of day × experiment × variant",
    "gold/experiment_health": "day × experiment",
    "gold/metric_to_date": "as-of day × experiment × variant × metric × segment",
    "gold/posteriors": "window × day × experiment × metric × variant",
    "gold/comparisons": "window × day × experiment × metric × segment × variant against control",
    "gold/verdicts": "day × experiment",
    "ops/releases": "published run",
    "ops/runs": "job run",
}
# What the parts of a grain are called as key columns.
KEY_OF_GRAIN = {
    "day": "day",
    "as-of day": "day",
    "event": "event_name",
    "experiment": "experiment_name",
    "variant": "variant_id",
    "variant against control": "variant_id",
    "user": "user_id",
    "window": "window",
    "metric": "metric",
    "segment": "segment",
}
TYPES = r"string|bigint|double|boolean|date|timestamp|array<string>|map<string,bigint>|map<string,string>"
SNAKE_CASE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")

every_table = pytest.mark.parametrize("table", ALL_TABLES, ids=lambda table: table.full_name)


def test_the_tables_are_those_of_the_design() -> None:
    assert sorted(table.full_name for table in ALL_TABLES) == sorted(DESIGN)
    assert [table for table in ALL_TABLES if table.layer == "gold"] == list(GOLD_TABLES)


@every_table
def test_columns_are_those_of_the_design(table: TableContract) -> None:
    added = ADDED.get(table.full_name, set())
    assert added <= set(table.column_names)
    assert sorted(set(table.column_names) - added) == sorted(DESIGN[table.full_name].split())


@every_table
def test_names_are_snake_case_and_used_once(table: TableContract) -> None:
    for name in (table.layer, table.name, *table.column_names, *table.all_checks()):
        assert SNAKE_CASE.fullmatch(name), name
    assert len(set(table.column_names)) == len(table.columns)


@every_table
def test_every_column_has_a_known_type_and_a_meaning(table: TableContract) -> None:
    assert table.columns
    for column in table.columns:
        assert re.fullmatch(TYPES, column.type), column
        assert len(column.meaning) > 2, column


@every_table
def test_the_grain_is_stated_and_the_key_belongs_to_it(table: TableContract) -> None:
    assert table.grain == GRAINS[table.full_name]
    assert table.key
    assert set(table.key) <= set(table.column_names)
    parts = table.grain.split(" × ")
    if set(parts) <= set(KEY_OF_GRAIN) and table.full_name != "silver/exposures":
        assert set(table.key) == {KEY_OF_GRAIN[part] for part in parts}


@every_table
def test_key_and_partition_columns_exist_and_are_never_null(table: TableContract) -> None:
    columns = {column.name: column for column in table.columns}
    assert set(table.partition_by) <= set(columns)
    assert not [name for name in (*table.key, *table.partition_by) if columns[name].nullable]
    assert all(columns[name].type == "date" for name in table.partition_by)


@every_table
def test_checks_speak_of_columns(table: TableContract) -> None:
    words = {"IS", "NOT", "NULL", "BETWEEN", "AND", "OR", "IN", "size"}
    for name, expression in table.all_checks().items():
        named = set(re.findall(r"[A-Za-z_]+", re.sub(r"'[^']*'", "", expression))) - words
        assert named, name
        assert named <= set(table.column_names), name
    present = {column.name for column in table.columns if not column.nullable}
    assert all(f"{name} IS NOT NULL" in table.all_checks()["nothing_missing"] for name in present)


@every_table
def test_what_delta_rs_reads_has_nothing_that_it_cannot_read(table: TableContract) -> None:
    if table.layer in {"gold", "ops", "quarantine", "bronze"}:
        assert READABLE_BY_DELTA_RS.items() <= dict(table.properties).items()
    assert table.properties["delta.columnMapping.mode"] == "none"
    assert table.properties["delta.checkpointPolicy"] == "classic"


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [
        ("_id", "string"),
        ("experiment_name", "string"),
        ("_at", "timestamp"),
        ("users", "bigint"),
        ("purchases", "bigint"),
        ("day", "date"),
        ("_lower", "double"),
        ("_upper", "double"),
        ("p_value", "double"),
    ],
)
def test_names_tell_types(suffix: str, kind: str) -> None:
    found = [column for table in ALL_TABLES for column in table.columns if column.name.endswith(suffix)]
    assert found
    assert {column.type for column in found} == {kind}


def test_nothing_per_user_in_gold() -> None:
    assert not [table.full_name for table in GOLD_TABLES if {"user_id", "row_id"} & set(table.column_names)]


def test_raw_fields_are_the_six_of_the_input() -> None:
    assert set(RAW_FIELDS) == {"event_name", "item_id", "timestamp", "site", "experiments", "user_id"}
    assert len(RAW_FIELDS) == 6


def test_path_and_ddl() -> None:
    daily = next(table for table in ALL_TABLES if table.full_name == "gold/experiment_daily")
    assert daily.path("s3a://bucket/lake/") == "s3a://bucket/lake/gold/experiment_daily"
    assert daily.ddl == "`day` date, `experiment_name` string, `variant_id` string, `users` bigint, `purchases` bigint"
