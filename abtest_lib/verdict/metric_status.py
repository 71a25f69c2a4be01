"""The role of a metric, and what it proves, in words."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from abtest_lib.contracts.enums import MetricRole, MetricStatus
from abtest_lib.stats.arrays import Ints
from abtest_lib.verdict.finding import Finding

Of = Callable[[npt.NDArray[Any]], npt.NDArray[Any]]


def role_names(finding: Finding, experiment: Ints) -> list[str]:
    """Return the role of a metric in some experiments, given by their indices."""
    is_goal, is_guardrail = finding.role.is_goal[experiment], finding.role.is_guardrail[experiment]
    names = np.select([is_goal, is_guardrail], [MetricRole.GOAL, MetricRole.GUARDRAIL], MetricRole.OBSERVED)
    return [str(name) for name in names]


def status_names(finding: Finding, of_rows: Of, *, has_looks: bool) -> list[str]:
    """Return what the decision intervals prove.

    Args:
        finding: The metric.
        of_rows: Takes the rows' values out of an array (E, T, K).
        has_looks: Whether there are looks; without them nothing is tested.
    """
    is_tested = ~np.isnan(of_rows(finding.evidence.lower)) & has_looks
    proofs = [
        (~is_tested, MetricStatus.NOT_TESTED),
        (of_rows(finding.is_better), MetricStatus.BETTER),
        (of_rows(finding.is_worse), MetricStatus.WORSE),
        (of_rows(finding.is_not_worse), MetricStatus.NOT_WORSE),
    ]
    names = np.select([holds for holds, _ in proofs], [name for _, name in proofs], MetricStatus.UNPROVEN)
    return [str(name) for name in names]
