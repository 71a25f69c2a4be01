"""Silver: exposures, purchases and participants, one person at a time."""

from abtest_lib.contracts.table import READABLE_BY_DELTA_RS, STATISTICS, Column, TableContract

EXPOSURES = TableContract(
    layer="silver",
    name="exposures",
    grain="event × experiment",
    columns=(
        Column("row_id", "string", "the event's row_id in bronze"),
        Column("user_id", "string", "who was exposed"),
        Column("timestamp", "timestamp", "the instant of the event, UTC"),
        Column("day", "date", "the date of the instant in the reporting time zone"),
        Column("event_name", "string", "what the user did"),
        Column("item_id", "string", "the item looked at or bought", nullable=True),
        Column("site", "string", "the marketplace site", nullable=True),
        Column("experiment_name", "string", "the experiment"),
        Column("variant_id", "string", "the variant that the user saw"),
        Column("flag_purchase", "boolean", "whether the user buys at or after the event, in the window"),
    ),
    key=("row_id", "experiment_name"),
    partition_by=("day",),
    # Flags of earlier events change when a purchase arrives: marking rows is cheaper than rewriting files.
    properties={
        "delta.enableDeletionVectors": "true",
        "delta.columnMapping.mode": "none",
        "delta.checkpointPolicy": "classic",
        STATISTICS: "timestamp",
    },
)

PURCHASES = TableContract(
    layer="silver",
    name="purchases",
    grain="purchase",
    columns=(
        Column("row_id", "string", "the event's row_id in bronze"),
        Column("user_id", "string", "who bought"),
        Column("timestamp", "timestamp", "the instant of the purchase, UTC"),
    ),
    key=("row_id",),
    properties={**READABLE_BY_DELTA_RS, STATISTICS: "timestamp"},
)

PARTICIPANTS = TableContract(
    layer="silver",
    name="participants",
    grain="experiment × user × variant",
    columns=(
        Column("experiment_name", "string", "the experiment"),
        Column("user_id", "string", "who took part"),
        Column("variant_id", "string", "the variant that the user saw"),
        Column("first_exposed_at", "timestamp", "the first instant at which the user saw this variant, UTC"),
        Column(
            "converted_at",
            "timestamp",
            "the first purchase from then on, in the window",
            nullable=True,
        ),
        Column("cross_exposed_at", "timestamp", "when the user saw a second arm; null if never", nullable=True),
    ),
    key=("experiment_name", "user_id", "variant_id"),
    checks={"converts_after_exposure": "converted_at IS NULL OR converted_at >= first_exposed_at"},
    properties={
        "delta.enableDeletionVectors": "true",
        "delta.columnMapping.mode": "none",
        "delta.checkpointPolicy": "classic",
        STATISTICS: "first_exposed_at",
    },
)
