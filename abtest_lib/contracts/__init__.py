"""The tables of the lake: columns, grain, keys, partitioning and Delta properties, in one place."""

from abtest_lib.contracts.bronze import EVENTS, QUARANTINE, RAW_FIELDS, events_with
from abtest_lib.contracts.gold import (
    COMPARISONS,
    EXPERIMENT_DAILY,
    EXPERIMENT_HEALTH,
    EXPERIMENT_TO_DATE,
    FUNNEL_DAILY,
    LAKE_DAILY,
    METRIC_TO_DATE,
    POSTERIORS,
    VERDICTS,
)
from abtest_lib.contracts.ops import FORGOTTEN, RELEASES, RUNS
from abtest_lib.contracts.silver import EXPOSURES, PARTICIPANTS, PURCHASES
from abtest_lib.contracts.table import CONTRACT_VERSION, READABLE_BY_DELTA_RS, Column, TableContract

GOLD_TABLES = (
    LAKE_DAILY,
    EXPERIMENT_DAILY,
    FUNNEL_DAILY,
    EXPERIMENT_TO_DATE,
    EXPERIMENT_HEALTH,
    METRIC_TO_DATE,
    POSTERIORS,
    COMPARISONS,
    VERDICTS,
)
ALL_TABLES = (EVENTS, QUARANTINE, EXPOSURES, PURCHASES, PARTICIPANTS, *GOLD_TABLES, RELEASES, RUNS)

__all__ = [
    "ALL_TABLES",
    "COMPARISONS",
    "CONTRACT_VERSION",
    "EVENTS",
    "EXPERIMENT_DAILY",
    "EXPERIMENT_HEALTH",
    "EXPERIMENT_TO_DATE",
    "EXPOSURES",
    "FORGOTTEN",
    "FUNNEL_DAILY",
    "GOLD_TABLES",
    "LAKE_DAILY",
    "METRIC_TO_DATE",
    "PARTICIPANTS",
    "POSTERIORS",
    "PURCHASES",
    "QUARANTINE",
    "RAW_FIELDS",
    "READABLE_BY_DELTA_RS",
    "RELEASES",
    "RUNS",
    "VERDICTS",
    "Column",
    "TableContract",
    "events_with",
]
