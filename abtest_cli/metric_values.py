"""Means and variances of metrics in a lake, for planning."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from abtest_lib.stats.power_means import UserValues
    from abtest_lib.stats.sums import Sums


def read_values(lake: str, metric: str, experiment: str | None = None) -> tuple[str, "UserValues"]:
    """Read the values of a metric on the latest day of an experiment, all arms together.

    Args:
        lake: The lake.
        metric: The metric.
        experiment: The experiment; by default the one with the most users.

    Returns:
        The experiment and the values.

    Raises:
        LakeError: The lake has no sums of metrics.
        UsageError: The lake has no such metric or experiment.
    """
    from abtest_lib.contracts import METRIC_TO_DATE
    from abtest_lib.errors import LakeError, UsageError, one_line
    from abtest_lib.lake.reader import open_table, read_rows
    from abtest_lib.stats.power_means import measure_values

    table = open_table(METRIC_TO_DATE, lake)
    if table is None:
        raise LakeError(f"lake {lake} has no gold/metric_to_date: declare metrics and run the pipeline")
    chosen = {"segment": "all"} | ({} if experiment is None else {"experiment_name": experiment})
    rows = read_rows(table, **chosen)
    latest = _latest([row for row in rows if row["metric"] == metric])
    if not latest:
        known = ", ".join(sorted({row["metric"] for row in rows})) or "none"
        raise UsageError(f"metric '{one_line(metric, 80)}' is not in lake {lake}: there are {known}")
    return latest[0]["experiment_name"], measure_values(_pooled(latest))


def _latest(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of the latest day of the experiment with the most users on its latest day."""
    days: dict[str, Any] = {}
    for row in rows:
        name = row["experiment_name"]
        days[name] = max(days.get(name, row["day"]), row["day"])
    users: dict[str, int] = {}
    latest = [row for row in rows if row["day"] == days[row["experiment_name"]]]
    for row in latest:
        users[row["experiment_name"]] = users.get(row["experiment_name"], 0) + row["users"]
    largest = max(sorted(users), key=lambda name: users[name], default="")
    return [row for row in latest if row["experiment_name"] == largest]


def _pooled(rows: list[dict[str, Any]]) -> "Sums":
    import numpy as np

    from abtest_lib.stats.sums import Sums

    names = ("users", *(f"sum_{name}" for name in ("x", "xx", "y", "yy", "xy", "c", "cc", "xc", "yc")))
    values = ([np.nan if row[name] is None else float(row[name]) for row in rows] for name in names)
    return Sums(*(np.array(sum(column)) for column in values))
