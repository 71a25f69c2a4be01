"""The goal that the sentence of each day is about, and the metrics that its reasons name."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from abtest_lib.stats.arrays import Bools, Floats, Ints
from abtest_lib.verdict.finding import Finding
from abtest_lib.verdict.judged_days import JudgedDays
from abtest_lib.verdict.metric_validity import imbalanced_metrics, missing_metrics
from abtest_lib.verdict.shown_metric import ShownMetric


def _is_worse(finding: Finding) -> Bools:
    return finding.is_worse & finding.role.is_decisive[:, None, None]


def _is_unproven(finding: Finding) -> Bools:
    return ~finding.is_not_worse & finding.role.is_guardrail[:, None, None]


def _is_untested(finding: Finding) -> Bools:
    return ~finding.evidence.may_test & finding.role.is_decisive[:, None, None]


def _is_turned(finding: Finding) -> Bools:
    return finding.is_turned_by_covariate & finding.role.is_goal[:, None, None]


@dataclass(frozen=True, slots=True, eq=False)
class SentenceGoals:
    """The goal and the arm of N sentences.

    Attributes:
        days: The days.
        goal: Index of the goal among the findings, (N,).
        arm: Index of the arm, (N,).
    """

    days: JudgedDays
    goal: Ints
    arm: npt.NDArray[np.intp]

    def values(self, value: Callable[[Finding], Floats], day: Ints | None = None) -> Floats:
        """Return a number of the goal and arm on each day, or on other days, (N,).

        Args:
            value: Returns an array (E, T, K).
            day: Indices of days, (N,).
        """
        result = np.full(len(self.days), np.nan)
        for index in np.unique(self.goal):
            is_used = self.goal == index
            cells = self.days.experiment, self.days.day if day is None else day, self.arm
            result[is_used] = value(self._findings[index])[tuple(of[is_used] for of in cells)]
        return result

    def shown(self) -> Iterator[ShownMetric | None]:
        """Describe each goal with the values of the day; None for conversion."""
        panel = self.days.judgement.panel
        units = {cells.metric.name: cells.metric.unit for cells in panel.metrics}
        control = self.values(lambda one: np.broadcast_to(panel.of_control(one.value), one.value.shape))
        numbers = zip(self.goal.tolist(), self.values(lambda one: one.value).tolist(), control.tolist(), strict=True)
        for index, value, of_control in numbers:
            one = self._findings[index]
            metric = (one.name, value, of_control, one.sign, one.is_proportion)
            yield ShownMetric(*metric, units[one.name]) if one.name in units else None

    def metrics_of(self, reasons: Sequence[Sequence[str]]) -> Sequence[Mapping[str, tuple[str, ...]]]:
        """Name the metrics that the reasons of each day are about, by reason code."""
        found: list[dict[str, tuple[str, ...]]] = [{} for _ in reasons]
        for code, names in _NAMES.items():
            rows = np.array([row for row, codes in enumerate(reasons) if code in codes], dtype=np.intp)
            if rows.size:
                for row, named in zip(rows.tolist(), names(self, rows), strict=True):
                    found[row][code] = named
        return found

    def names_by_arm(self, rows: npt.NDArray[np.intp], holds: Callable[[Finding], Bools]) -> list[tuple[str, ...]]:
        """Name the metrics for which something holds, (E, T, K), of the arms of some sentences."""
        cells = self.days.experiment[rows], self.days.day[rows], self.arm[rows]
        flags = np.stack([holds(one)[cells] for one in self._findings], axis=1)
        return [tuple(one.name for one, flag in zip(self._findings, row, strict=True) if flag) for row in flags]

    def names_by_day(self, rows: npt.NDArray[np.intp], names: Callable[..., tuple[str, ...]]) -> list[tuple[str, ...]]:
        """Name the metrics of some days."""
        judgement, level = self.days.judgement, self.days.judgement.rules.validity_alpha
        places = zip(self.days.experiment[rows].tolist(), self.days.day[rows].tolist(), strict=True)
        return [names(judgement.panel, e, t, level) for e, t in places]

    @property
    def _findings(self) -> tuple[Finding, ...]:
        return self.days.judgement.scorecard.findings


def _by_arm(holds: Callable[[Finding], Bools]) -> "_Namer":
    return lambda goals, rows: goals.names_by_arm(rows, holds)


def _by_day(names: Callable[..., tuple[str, ...]]) -> "_Namer":
    return lambda goals, rows: goals.names_by_day(rows, names)


_Namer = Callable[[SentenceGoals, npt.NDArray[np.intp]], list[tuple[str, ...]]]

_NAMES: Mapping[str, _Namer] = {
    "metric_missing": _by_day(missing_metrics),
    "covariate_imbalanced": _by_day(imbalanced_metrics),
    "guardrail_violated": _by_arm(_is_worse),
    "goal_worse": _by_arm(_is_worse),
    "gain_does_harm": _by_arm(_is_worse),
    "guardrail_unproven": _by_arm(_is_unproven),
    "too_few_values": _by_arm(_is_untested),
    "covariate_changes_sign": _by_arm(_is_turned),
}
"""Reason code to the function that names the metrics it is about."""
