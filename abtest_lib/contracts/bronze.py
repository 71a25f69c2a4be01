"""Bronze and quarantine: every distinct raw row, accepted or rejected."""

from collections.abc import Mapping
from dataclasses import replace

from abtest_lib.contracts.table import READABLE_BY_DELTA_RS, STATISTICS, Column, TableContract

RAW_FIELDS = ("event_name", "item_id", "timestamp", "site", "experiments", "user_id")
"""The six fields of a raw event, in the order in which they enter the row's hash."""

EVENTS = TableContract(
    layer="bronze",
    name="events",
    grain="distinct raw event",
    columns=(
        Column(
            "row_id",
            "string",
            "SHA-256 of the six raw fields and of event columns with a value, length-prefixed, in hexadecimal",
        ),
        Column("event_name", "string", "what the user did, e.g. SEARCH or BUY"),
        Column("item_id", "string", "the item looked at or bought", nullable=True),
        Column("timestamp", "timestamp", "the instant of the event, UTC"),
        Column("site", "string", "the marketplace site, e.g. MLA", nullable=True),
        Column("experiments", "string", "{name=variant, name=variant}: what the user was exposed to"),
        Column("user_id", "string", "who did it"),
        Column("event_date", "date", "the date of the instant in UTC; the partition"),
        Column("source_file", "string", "the file that the row came from", nullable=True),
        Column("ingested_at", "timestamp", "when the run that accepted the row started, UTC"),
    ),
    key=("row_id",),
    partition_by=("event_date",),
    # The silver step finds the rows of a run by ingested_at, of which each file holds one value.
    properties={**READABLE_BY_DELTA_RS, STATISTICS: "timestamp,ingested_at"},
)


def events_with(columns: Mapping[str, str]) -> TableContract:
    """Return the contract of bronze/events in a lake whose events have further columns.

    Args:
        columns: The setting `event_columns`: name to `double` or `string`.
    """
    declared = (
        Column(name, kind, "a column that the setting declares", nullable=True) for name, kind in columns.items()
    )
    return replace(EVENTS, columns=(*EVENTS.columns, *declared))


QUARANTINE = TableContract(
    layer="quarantine",
    name="events",
    grain="distinct rejected raw row",
    columns=(
        Column("row_id", "string", "SHA-256 as in bronze; of the whole line where it could not be split"),
        Column("event_name", "string", "as it came", nullable=True),
        Column("item_id", "string", "as it came", nullable=True),
        Column("timestamp", "string", "as it came", nullable=True),
        Column("site", "string", "as it came", nullable=True),
        Column("experiments", "string", "as it came", nullable=True),
        Column("user_id", "string", "as it came", nullable=True),
        Column("raw_record", "string", "the whole line, where it could not be split into the columns", nullable=True),
        Column("failed_rules", "array<string>", "the name of every rule that the row broke"),
        Column("source_file", "string", "the file that the row came from", nullable=True),
        Column("quarantined_at", "timestamp", "when the run that rejected the row started, UTC"),
        Column(
            "event_columns",
            "map<string,string>",
            "the columns that the setting event_columns declares, as they came; NULL if it declares none",
            nullable=True,
        ),
    ),
    key=("row_id",),
    checks={"failed_rules_named": "size(failed_rules) > 0"},
)
