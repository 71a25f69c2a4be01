"""The columns that tables of older versions lack, and their values there."""

from collections.abc import Mapping
from typing import Any

from abtest_lib.contracts.gold import COMPARISONS, VERDICTS
from abtest_lib.contracts.table import TableContract

_PURCHASE, _EVERYBODY, _GOAL = "purchase", "all", "goal"
_VALUES: Mapping[str, Mapping[str, str | None]] = {
    COMPARISONS.full_name: {
        "segment": _EVERYBODY,
        "role": _GOAL,
        "status": None,
        "users": None,
        "control_users": None,
    },
    VERDICTS.full_name: {"metric": _PURCHASE},
}
"""Before the metric catalogue every row was about purchases by all users."""


def older_values(contract: TableContract) -> dict[str, str | None]:
    """Return the columns that an older table may lack, with their values there; a nullable column is NULL.

    Examples:
        >>> older_values(VERDICTS)["metric"], older_values(COMPARISONS)["margin"]
        ('purchase', None)
    """
    nullable: dict[str, str | None] = {column.name: None for column in contract.columns if column.nullable}
    return nullable | dict(_VALUES.get(contract.full_name, {}))


def complete_row(contract: TableContract, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with the columns that an older table lacks."""
    return older_values(contract) | dict(row)
