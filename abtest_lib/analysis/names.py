"""The experiment and the day that a reader means."""

from datetime import date
from typing import TYPE_CHECKING

from abtest_lib.contracts import POSTERIORS, VERDICTS
from abtest_lib.errors import LakeError, UsageError, one_line
from abtest_lib.near_names import suggest

if TYPE_CHECKING:
    from abtest_lib.lake.released import ReleasedTables


def choose_day(tables: "ReleasedTables", experiment: str, day: date | None) -> date:
    """Return a day with a result, the last one when None is given.

    Raises:
        LakeError: The lake has no results.
        UsageError: The experiment or the day is unknown.
    """
    found = [tables.rows(contract, {"experiment_name": experiment}, ["day"]) for contract in (POSTERIORS, VERDICTS)]
    if found == [None, None]:
        raise LakeError(f"lake {tables.location} holds no results: run the pipeline first")
    days = {row["day"] for rows in found for row in rows or ()}
    name = one_line(experiment, 80)
    if not days:
        raise UsageError(f"no experiment '{name}' in {tables.location}{_suggestion(tables, experiment)}")
    if day is not None and day not in days:
        raise UsageError(f"no result of '{name}' on {day}: there are some from {min(days)} to {max(days)}")
    return day or max(days)


def _suggestion(tables: "ReleasedTables", experiment: str) -> str:
    found = (tables.rows(contract, {}, ["experiment_name"]) or () for contract in (POSTERIORS, VERDICTS))
    return suggest(experiment, sorted({row["experiment_name"] for rows in found for row in rows}))
