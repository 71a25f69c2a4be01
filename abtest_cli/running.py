"""The counts to date of a running experiment, and how fast they grow, for planning."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from abtest_lib.contracts import TableContract


@dataclass(frozen=True, slots=True)
class Running:
    """The numbers of a running experiment that planning needs.

    Attributes:
        day: The last day with counts.
        control: The control's variant.
        baseline: The control's conversion to date, a proportion.
        arms: Number of arms, control included.
        users: Users to date of the smallest arm.
        daily_users: New users a day of the smallest arm, on average since its counts began.
    """

    day: date
    control: str
    baseline: float
    arms: int
    users: int
    daily_users: float


def read_running(lake: str, experiment: str) -> Running:
    """Read an experiment's counts to date.

    Args:
        lake: The lake.
        experiment: The experiment.

    Returns:
        The numbers for planning.

    Raises:
        LakeError: The lake has no posteriors.
        UsageError: There is no such experiment, or its control has converted nobody or everybody so far.
    """
    from abtest_lib.analysis.lake_results import open_lake
    from abtest_lib.errors import UsageError, one_line

    result = open_lake(lake).result(experiment)
    day, control, name = result.day, result.control, one_line(experiment, 80)
    if control is None:
        raise UsageError(f"experiment '{name}' has no users in its control on {day}: nothing to plan with")
    users, purchases = control.users or 0, control.purchases or 0
    if not 0 < purchases < users:
        raise UsageError(
            f"the control of '{name}' has {purchases:,} purchases by {users:,} users on {day}: "
            "planning needs some who bought and some who did not"
        )
    seen = [arm.users for arm in result.arms if arm.users]
    if len(seen) < 2:  # noqa: PLR2004  a comparison is between two
        raise UsageError(f"experiment '{name}' has users in one arm only on {day}: nothing to compare")
    smallest = min(seen)
    return Running(
        day=day,
        control=control.id,
        baseline=purchases / users,
        arms=len(seen),
        users=smallest,
        daily_users=smallest / _days_counted(lake, experiment, day),
    )


def _days_counted(lake: str, experiment: str, day: date) -> int:
    """Return the number of days that the counts to date cover; with periods, those of the current one."""
    from abtest_lib.contracts import EXPERIMENT_HEALTH, EXPERIMENT_TO_DATE
    from abtest_lib.errors import LakeError

    health = _rows(EXPERIMENT_HEALTH, lake, experiment, day)
    if not health:
        raise LakeError(
            f"lake {lake} has no gold/experiment_health for '{experiment}' on {day}: run the pipeline again"
        )
    counts = _rows(EXPERIMENT_TO_DATE, lake, experiment, day)
    since_start: list[int] = [(day - row["period_start"]).days + 1 for row in counts]
    # A declared start may lie before anybody came; those days gained nobody.
    return min([int(health[0]["days_running"]), *since_start])


def _rows(contract: "TableContract", lake: str, experiment: str, day: date) -> list[dict[str, Any]]:
    from abtest_lib.lake.reader import open_table, read_rows

    table = open_table(contract, lake)
    return [] if table is None else read_rows(table, experiment_name=experiment, day=day)
