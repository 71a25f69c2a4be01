"""From counts to verdicts: everything the rules say about a panel, ready to be written."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from abtest_lib.stats.arrays import Bools, Floats
from abtest_lib.verdict.compare import Comparisons, compare_arms
from abtest_lib.verdict.control import ControlSource
from abtest_lib.verdict.decision import Decisions, decide
from abtest_lib.verdict.evidence import Evidence, gather_evidence
from abtest_lib.verdict.explain import Facts, explain
from abtest_lib.verdict.panel import Panel
from abtest_lib.verdict.reasons import REASONS
from abtest_lib.verdict.rules import METRIC, RULES_VERSION, Rules
from abtest_lib.verdict.validity import Validity, check_validity
from abtest_lib.verdict.verdicts import Verdict

Columns = dict[str, list[Any]]

_TO_DATE, _DAY = "to_date", "day"
_REGISTERED = ControlSource.REGISTERED


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """Everything the rules say about a panel.

    Attributes:
        panel: The histories.
        rules: The levels and limits.
        validity: What was found about the experiments.
        evidence: What the looks prove.
        decisions: What should be done.
    """

    panel: Panel
    rules: Rules
    validity: Validity
    evidence: Evidence
    decisions: Decisions

    def verdicts(self, wanted: Bools | None = None) -> list[Verdict]:
        """The verdicts as objects, one a day × experiment; `verdict_columns` has the same as columns."""
        columns = self.verdict_columns(wanted)
        rows = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
        return [Verdict(**{**row, "reasons": tuple(row["reasons"])}) for row in rows]

    def verdict_columns(self, wanted: Bools | None = None) -> Columns:
        """The rows of gold/verdicts, column by column.

        Args:
            wanted: Which days, (E, T); all by default.

        Returns:
            Column to values; None where there is none.
        """
        e, t = self._cells(wanted)
        to_date = self._compare(self.panel.users, self.panel.purchases, e, t)
        reasons = self._reasons(to_date, e, t)
        days, starts = self.panel.day[e, t].tolist(), self.panel.period_start[e, t].tolist()
        decided = _pick_days(self.panel.day, e, self.decisions.decided[e, t])
        decision = self.decisions.decision[e, t].tolist()
        facts = self._facts(e, t, reasons, decided)
        p_value = self.validity.ratio_p_value[e, t]
        status = np.where(np.isnan(p_value), "not_tested", np.where(self.validity.is_mismatch[e, t], "mismatch", "ok"))
        return {
            "day": days,
            "experiment_name": [self.panel.names[i] for i in e],
            "is_valid": self.decisions.is_valid[e, t].tolist(),
            "reasons": reasons,
            "winner": self._arm_names(e, self.decisions.winner[e, t]),
            "decision": decision,
            "decided_on": decided,
            "period_start": starts,
            "control_id": self._control_ids(e, t),
            "srm_p_value": _nullable(p_value),
            "srm_status": status.tolist(),
            "cross_exposed_share": _nullable(self.validity.cross_exposed_share[e, t]),
            "information_fraction": _nullable(self.evidence.fraction[e, t]),
            "model_version": [RULES_VERSION] * len(days),
            "explanation": [explain(fact) for fact in facts],
        }

    def comparison_columns(self, wanted: Bools | None = None) -> Columns:
        """The rows of gold/comparisons, column by column: the window to date, then the day's own.

        Args:
            wanted: Which days, (E, T); all by default.

        Returns:
            Column to values; None where there is none.
        """
        e, t = self._cells(wanted)
        day_users = np.nan_to_num(self.panel.day_users)
        windows = {
            _TO_DATE: (self._compare(self.panel.users, self.panel.purchases, e, t), self.panel.is_seen),
            _DAY: (self._compare(day_users, np.nan_to_num(self.panel.day_purchases), e, t), day_users > 0),
        }
        part = ~self.panel.is_stray[e, t]
        parts = [self._window(name, result, shown[e, t] & part, e, t) for name, (result, shown) in windows.items()]
        return {name: [*parts[0][name], *parts[1][name]] for name in parts[0]}

    def _cells(self, wanted: Bools | None) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        e, t = np.nonzero(self.panel.is_day if wanted is None else self.panel.is_day & wanted)
        return e, t

    def _compare(
        self, users: Floats, purchases: Floats, e: npt.NDArray[np.intp], t: npt.NDArray[np.intp]
    ) -> Comparisons:
        """Compare the arms that take part; stray ones must change nothing for the others."""
        is_stray = self.panel.is_stray[e, t]
        users, purchases = (np.where(is_stray, 0.0, values[e, t]) for values in (users, purchases))
        return compare_arms(users, purchases, self.panel.control[e], self.rules.alpha)

    def _reasons(self, to_date: Comparisons, e: npt.NDArray[np.intp], t: npt.NDArray[np.intp]) -> list[list[str]]:
        flags = {code: flag[e, t] for code, flag in self.decisions.flags.items()}
        significant = to_date.p_adjusted < self.rules.validity_alpha
        surprising = significant & (np.abs(np.nan_to_num(to_date.lift)) > self.rules.surprising_lift)
        compared = to_date.is_compared.any(axis=1)
        control_buys = self.panel.of_control(self.panel.purchases)[e, t, 0] > 0
        flags |= {
            "too_good_to_be_true": np.asarray(surprising.any(axis=1)),
            "after_planned_end": self.evidence.is_repeated[e, t],
            "below_minimum_effect": self._below_minimum(to_date, e, t),
            "lift_undefined": compared & ~control_buys,
            "chi_square_skipped": compared & np.isnan(to_date.chi_square),
        }
        table = np.stack([flags.get(code, np.zeros(e.size, dtype=bool)) for code in REASONS], axis=1)
        codes = np.array(list(REASONS), dtype=object)
        rows, found = np.nonzero(table)
        ends = np.searchsorted(rows, np.arange(e.size + 1))
        listed = codes[found].tolist()
        return [listed[start:end] for start, end in pairwise(ends.tolist())]

    def _below_minimum(self, to_date: Comparisons, e: npt.NDArray[np.intp], t: npt.NDArray[np.intp]) -> Bools:
        declared = [None if item is None else item.minimum_effect for item in self.panel.declared]
        minimum = np.array([np.nan if effect is None else effect for effect in declared])[e]
        arm = self.decisions.arm[e, t]
        most = np.take_along_axis(to_date.lift_upper, np.maximum(arm, 0)[:, None], 1)[:, 0]
        return np.asarray((arm >= 0) & (most < minimum))

    def _arm_names(self, e: npt.NDArray[np.intp], index: npt.NDArray[np.int64]) -> list[str | None]:
        return [self.panel.arms[i][k] if k >= 0 else None for i, k in zip(e.tolist(), index.tolist(), strict=True)]

    def _control_ids(self, e: npt.NDArray[np.intp], t: npt.NDArray[np.intp]) -> list[str | None]:
        """A registered control always; any other from the first day that shows it, for nobody could know it before."""
        choices = [self.panel.controls[i] for i in e]
        shown = self.panel.is_control_known[e, t].tolist()
        return [c.variant_id if s or c.source is _REGISTERED else None for c, s in zip(choices, shown, strict=True)]

    def _facts(
        self,
        e: npt.NDArray[np.intp],
        t: npt.NDArray[np.intp],
        reasons: list[list[str]],
        decided: list[date | None],
    ) -> Iterable[Facts]:
        panel, arm = self.panel, self.decisions.arm[e, t]
        arm = np.where(arm >= 0, arm, self.decisions.best[e, t])
        k, stands = np.maximum(arm, 0), self.decisions.decided[e, t]
        proven = np.where(stands >= 0, stands, t)
        lower, upper = self.evidence.lower[e, proven, k], self.evidence.upper[e, proven, k]
        control_users, control_purchases = (panel.of_control(v)[e, t, 0] for v in (panel.users, panel.purchases))
        listed = self._listed_arms(e, t)
        numbers = zip(
            panel.day[e, t].tolist(),
            self.decisions.decision[e, t].tolist(),
            reasons,
            self._arm_names(e, arm),
            self._control_ids(e, t),
            panel.users[e, t, k].tolist(),
            panel.purchases[e, t, k].tolist(),
            control_users.tolist(),
            control_purchases.tolist(),
            _nullable(lower),
            _nullable(upper),
            panel.is_active[e, t].sum(axis=1).tolist(),
            decided,
            listed,
            _nullable(self.validity.ratio_p_value[e, t]),
            _nullable(self.validity.cross_exposed_share[e, t]),
            self._smallest_untested(e, t),
            self._stray_days(e, t),
            strict=True,
        )
        return (Facts(*values) for values in numbers)

    def _smallest_untested(
        self, e: npt.NDArray[np.intp], t: npt.NDArray[np.intp]
    ) -> Iterable[tuple[str, float, float] | None]:
        """Of the arms with too few conversions for a test the smallest, its users and those who converted."""
        users, purchases = self.panel.users[e, t], self.panel.purchases[e, t]
        untested = np.where(self.evidence.is_compared[e, t] & ~self.evidence.may_test[e, t], users, np.inf)
        smallest, row = np.argmin(untested, axis=1), np.arange(e.size)
        names = self._arm_names(e, np.where(np.isfinite(untested[row, smallest]), smallest, -1))
        counts = zip(names, users[row, smallest].tolist(), purchases[row, smallest].tolist(), strict=True)
        return ((name, n, x) if name is not None else None for name, n, x in counts)

    def _stray_days(self, e: npt.NDArray[np.intp], t: npt.NDArray[np.intp]) -> Iterable[list[date]]:
        has_strays = self.panel.has_strays[e, t].tolist()
        rows = zip(e.tolist(), t.tolist(), has_strays, strict=True)
        return (self.panel.stray_days(i, j) if found else [] for i, j, found in rows)

    def _listed_arms(
        self, e: npt.NDArray[np.intp], t: npt.NDArray[np.intp]
    ) -> Iterable[list[tuple[str, float, float]]]:
        """Users and expected users of the arms that a day knows of."""
        panel, counts = self.panel, self.panel.users[e, t]
        expected = (panel.shares[e, t] * counts.sum(axis=1, keepdims=True)).tolist()
        known = (panel.is_seen[e, t] | (panel.shares[e, t] > 0)).tolist()
        rows = zip(e.tolist(), counts.tolist(), expected, known, strict=True)
        return (
            [(arm, n, m) for arm, n, m, is_known in zip(panel.arms[i], users, wanted, shown, strict=False) if is_known]
            for i, users, wanted, shown in rows
        )

    def _window(
        self, window: str, result: Comparisons, shown: Bools, e: npt.NDArray[np.intp], t: npt.NDArray[np.intp]
    ) -> Columns:
        """Rows for the arms that a window shows, on days that show the control."""
        has_control = self.panel.is_control_known[e, t][:, None]
        is_control = np.arange(shown.shape[1]) == self.panel.control[e][:, None]
        row, k = np.nonzero(shown & has_control & ~is_control)
        i, j = e[row], t[row]
        evidence = self.evidence if window == _TO_DATE else None
        dof = np.where(result.chi_square_dof > 0, result.chi_square_dof, -1)[row]
        return {
            "window": [window] * row.size,
            "metric": [METRIC] * row.size,
            "day": self.panel.day[i, j].tolist(),
            "experiment_name": [self.panel.names[index] for index in i],
            "variant_id": self._arm_names(i, k),
            "control_id": [self.panel.controls[index].variant_id for index in i],
            **{name: _nullable(getattr(result, name)[row, k]) for name in _PAIR_COLUMNS},
            "decision_lower": _nullable(_of(evidence, "lower", i, j, k)),
            "decision_upper": _nullable(_of(evidence, "upper", i, j, k)),
            "boundary": _nullable(_of(evidence, "boundary", i, j, k)),
            "information": _nullable(_of(evidence, "information", i, j, k)),
            "chi_square": _nullable(result.chi_square[row]),
            "chi_square_dof": [value if value >= 0 else None for value in dof.tolist()],
            "chi_square_p_value": _nullable(result.chi_square_p_value[row]),
        }


_PAIR_COLUMNS = (
    "difference",
    "difference_lower",
    "difference_upper",
    "lift",
    "lift_lower",
    "lift_upper",
    "statistic",
    "p_value",
    "p_adjusted",
    "p_holm",
    "p_benjamini_hochberg",
)


def judge(panel: Panel, rules: Rules | None = None) -> Judgement:
    """Apply all rules to a panel.

    Args:
        panel: Whole histories, from each experiment's first day on.
        rules: The levels and limits.

    Returns:
        The judgement of every day, each knowing nothing that came later.
    """
    rules = rules or Rules()
    validity, evidence = check_validity(panel, rules), gather_evidence(panel, rules)
    return Judgement(panel, rules, validity, evidence, decide(panel, validity, evidence, rules))


def _nullable(values: Floats) -> list[float | None]:
    """Numbers as they may enter a table: no NaN, no infinity."""
    return [value if value - value == 0 else None for value in values.tolist()]


def _pick_days(
    day: npt.NDArray[np.datetime64], e: npt.NDArray[np.intp], index: npt.NDArray[np.int64]
) -> list[date | None]:
    picked: list[date | None] = np.where(index >= 0, day[e, np.maximum(index, 0)], np.datetime64("NaT", "D")).tolist()
    return picked


def _of(
    evidence: Evidence | None, name: str, i: npt.NDArray[np.intp], j: npt.NDArray[np.intp], k: npt.NDArray[np.intp]
) -> Floats:
    return np.full(i.size, np.nan) if evidence is None else np.asarray(getattr(evidence, name)[i, j, k])
