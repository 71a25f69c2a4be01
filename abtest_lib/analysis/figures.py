"""Plotly figures of results."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from abtest_lib.analysis.arms import Arm
from abtest_lib.bayes.export import conversion_draws
from abtest_lib.bayes.fit_config import FitConfig
from abtest_lib.bayes.groups import Arm as CountedArm
from abtest_lib.bayes.groups import Group
from abtest_lib.bayes.plots import lift_figure, posterior_figure
from abtest_lib.bayes.priors import DEFAULT_PRIOR, prior_by_name
from abtest_lib.contracts.enums import Window
from abtest_lib.errors import MachineError, UsageError, one_line

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_KINDS = ("conversion", "lift")


def posterior_plot(arms: Sequence[Arm], prior: str | None, title: str, kind: str) -> "Figure":
    """Draw the posteriors of the arms, computed from their counts by the exact engine.

    Args:
        arms: The arms.
        prior: The name of the prior; the default prior when None.
        title: The title.
        kind: `conversion` or `lift`.

    Raises:
        UsageError: There is no such kind, or the arms cannot be fitted, such as a single one.
        MachineError: plotly is not installed.
    """
    if kind not in _KINDS:
        raise UsageError(f"unknown kind of plot '{one_line(kind, 40)}': the kinds are {', '.join(_KINDS)}")
    control = next((arm.id for arm in arms if arm.is_control), None)
    counted = tuple(CountedArm(arm.id, arm.users, arm.purchases) for arm in arms)
    group = Group(Window.TO_DATE, "", title, "purchase", counted, control)
    draws = conversion_draws(group, FitConfig("exact", DEFAULT_PRIOR if prior is None else prior_by_name(prior), 1))
    try:
        if kind == "conversion":
            return posterior_figure(draws, one_line(title, 120))
        return lift_figure(draws, str(control), one_line(title, 120))
    except ModuleNotFoundError as error:
        raise MachineError(f"a plot needs the package {error.name}: install the extra `python`") from None
