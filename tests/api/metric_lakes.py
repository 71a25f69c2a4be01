"""Lakes with a metric catalogue, and lakes of the release before there was one."""

from pathlib import Path
from typing import Any

import lakes
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from lakes import ARROW_TYPES, DAY_1, DAY_2, RANKING, Rows

from abtest_lib import contracts
from abtest_lib.contracts import TableContract

REVENUE, SEARCHES = "revenue_per_user", "searches_per_order"
SEGMENTS = ("all", "site=MLA", "site=MLB")
NEW_COLUMNS = {
    "comparisons": {
        *("segment", "role", "status", "margin", "users", "control_users", "value", "control_value"),
        *("unadjusted_difference", "unadjusted_lower", "unadjusted_upper", "variance_reduction", "interaction_p_value"),
    },
    "verdicts": {"metric"},
}


def _compared(metric: str, segment: str, **more: Any) -> dict[str, Any]:
    users = {"all": (202, 188), "site=MLA": (120, 110), "site=MLB": (82, 78)}[segment]
    described = {} if segment == "all" else {"interaction_p_value": 0.04, "status": "not_tested"}
    common = {"window": "to_date", "day": DAY_2, "experiment_name": RANKING, "variant_id": "4916", "control_id": "4915"}
    return (
        common | {"metric": metric, "segment": segment, "users": users[0], "control_users": users[1]} | more | described
    )


def comparisons() -> Rows:
    """Of the last day: a goal with a covariate, proven better; a guardrail that is not proven; and their segments."""
    revenue = {
        "role": "goal", "status": "better", "value": 12.5, "control_value": 10.0, "difference": 2.25,
        "difference_lower": 0.75, "difference_upper": 3.75, "lift": 0.225, "lift_lower": 0.07, "lift_upper": 0.4,
        "decision_lower": 0.5, "decision_upper": 4.0, "boundary": 2.4, "p_adjusted": 0.003, "p_holm": 0.003,
        "unadjusted_difference": 2.5, "unadjusted_lower": 0.4, "unadjusted_upper": 4.6, "variance_reduction": 0.49,
    }  # fmt: skip
    searches = {
        "role": "guardrail", "status": "unproven", "margin": 0.18, "value": 9.2, "control_value": 9.0,
        "difference": 0.2, "difference_lower": -0.1, "difference_upper": 0.5,
        "lift": 0.0222, "lift_lower": -0.011, "lift_upper": 0.056,
        "decision_lower": -0.2, "decision_upper": 0.6, "boundary": 2.4, "p_adjusted": 0.2, "p_holm": 0.2,
    }  # fmt: skip
    purchase = {
        "role": "goal", "status": "unproven", "value": 0.07, "control_value": 0.06, "difference": 0.01, "lift": 1 / 6,
        "lift_lower": -0.2, "lift_upper": 0.7,
    }  # fmt: skip
    own = {REVENUE: revenue, SEARCHES: searches}
    return [
        *(_compared(metric, segment, **values) for metric, values in own.items() for segment in SEGMENTS),
        *(_compared("purchase", segment, **purchase) for segment in SEGMENTS[1:]),
    ]


def posteriors() -> Rows:
    """Of both metrics on the last day; purchases are not counted."""
    rows = [row for row in lakes.posteriors() if (row["window"], row["day"]) == ("to_date", DAY_2)]
    arms = [row | {"purchases": None, "probability_best": 0.97, "expected_loss": 0.02} for row in rows]
    return [
        row | {"metric": metric, "probability_beats_control": None if row["is_control"] else 0.985}
        for metric in (REVENUE, SEARCHES)
        for row in arms
    ]


def metric_to_date() -> Rows:
    """The sums of the last day; 3 users of the arm are above the cap."""
    common = {"day": DAY_2, "experiment_name": RANKING, "period_start": DAY_1, "sum_x": 2_525.0, "sum_xx": 90_000.0}
    counts = {"4915": 188, "4916": 202}
    return [
        common | {"variant_id": arm, "users": users, "metric": metric, "segment": segment, "capped_users": capped}
        for arm, users in counts.items()
        for metric, capped in ((REVENUE, 3), (SEARCHES, None), ("purchase", None))
        for segment in SEGMENTS
    ]


def gold() -> list[tuple[TableContract, Rows]]:
    """The gold tables of the ordinary lake, with the rows of two metrics of its catalogue."""
    more = {"comparisons": comparisons(), "posteriors": posteriors()}
    rows = [(contract, [*make(), *more.get(contract.name, [])]) for contract, make in lakes.GOLD]
    decided_on_revenue = {(DAY_2, RANKING): {"metric": REVENUE}}
    judged = [row | decided_on_revenue.get((row["day"], row["experiment_name"]), {}) for row in lakes.verdicts()]
    rows = [(contract, judged if contract == contracts.VERDICTS else found) for contract, found in rows]
    return [*rows, (contracts.METRIC_TO_DATE, metric_to_date())]


def build_metric_lake(lake: Path) -> Path:
    """A lake whose catalogue has two metrics of its own."""
    lakes.write_people(lake)
    lakes.write_runs(lake)
    versions = {contract.full_name: lakes.write(lake, contract, rows) for contract, rows in gold()}
    lakes.publish(lake, "run-1", versions)
    return lake


def write_older(lake: Path, contract: TableContract, rows: Rows) -> int:
    """Write rows as the version before the catalogue did, and return the table's version."""
    columns = [column for column in contract.columns if column.name not in NEW_COLUMNS.get(contract.name, ())]
    schema = pa.schema([pa.field(column.name, ARROW_TYPES[column.type]) for column in columns])
    table = pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in rows], schema=schema)
    path = contract.path(str(lake))
    write_deltalake(path, table, partition_by=list(contract.partition_by) or None, mode="overwrite")
    return DeltaTable(path).version()


def build_older_lake(lake: Path) -> Path:
    """The ordinary lake, as the version before the catalogue wrote it."""
    lakes.write_people(lake)
    lakes.write_runs(lake)
    versions = {contract.full_name: write_older(lake, contract, make()) for contract, make in lakes.GOLD}
    lakes.publish(lake, "run-1", versions)
    return lake
