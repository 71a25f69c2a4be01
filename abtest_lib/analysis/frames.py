"""Results as pandas frames; what is not known is missing (NaN or None)."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from abtest_lib.analysis.arms import Arm, Comparison, Interval, Posterior
from abtest_lib.errors import MachineError

if TYPE_CHECKING:
    import pandas as pd

    from abtest_lib.analysis.experiments import ExperimentSummary

_POSTERIOR_NAMES = {"mean": "conversion_mean", "sd": "conversion_sd", "lift": "lift_median", "lift_interval": "lift"}
_COMPARISON_NAMES = {
    "difference_interval": "difference",
    "lift": "observed_lift",
    "lift_interval": "observed_lift",
    "decision_interval": "decision",
}
Row = dict[str, Any]


def arms_frame(arms: Iterable[Arm]) -> "pd.DataFrame":
    """Make a frame with one row for each arm.

    Raises:
        MachineError: pandas is not installed.
    """
    return _frame([_arm_row(arm) for arm in arms])


def experiments_frame(items: "Iterable[ExperimentSummary]") -> "pd.DataFrame":
    """Make a frame with one row for each experiment.

    Raises:
        MachineError: pandas is not installed.
    """
    return _frame([_experiment_row(item) for item in items])


def _arm_row(arm: Arm) -> Row:
    counts = {"variant_id": arm.id, "is_control": arm.is_control, "users": arm.users, "purchases": arm.purchases}
    believed = _flatten(Posterior, arm.posterior, _POSTERIOR_NAMES)
    compared = _flatten(Comparison, arm.comparison, _COMPARISON_NAMES)
    return counts | {"conversion": arm.conversion} | believed | compared


def _experiment_row(item: "ExperimentSummary") -> Row:
    lift = None if item.comparison is None else item.comparison.lift
    interval = None if item.comparison is None else item.comparison.lift_interval
    about = {"experiment_name": item.name, "day": item.day, "decision": str(item.decision), "users": item.users}
    return about | {"metric": item.metric, "best_arm": item.best_arm, "lift": lift} | _ends("lift", interval)


def _flatten(
    shape: type[Posterior | Comparison], found: Posterior | Comparison | None, names: Mapping[str, str]
) -> Row:
    """The fields as columns, each interval as two; None throughout where nothing was found."""
    row: Row = {}
    for field in fields(shape):
        value, name = getattr(found, field.name, None), names.get(field.name, field.name)
        row |= _ends(name, value) if field.name.endswith("interval") or field.name == "hdi" else {name: value}
    return row


def _ends(name: str, interval: Interval | None) -> Row:
    ends = (None, None) if interval is None else (interval.lower, interval.upper)
    return dict(zip((f"{name}_lower", f"{name}_upper"), ends, strict=True))


def _frame(rows: list[Row]) -> "pd.DataFrame":
    try:
        import pandas as pd  # noqa: PLC0415  takes a second to import
    except ModuleNotFoundError:
        raise MachineError("a frame needs the package pandas: install the extra `python`") from None
    return pd.DataFrame(rows)
