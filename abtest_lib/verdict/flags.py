"""Which reasons hold on which days."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from abtest_lib.stats.arrays import Bools
from abtest_lib.verdict.reason import Effect, Reason, Stage
from abtest_lib.verdict.reasons import REASONS, codes_of
from abtest_lib.verdict.validity import Validity

if TYPE_CHECKING:
    from abtest_lib.verdict.judged_days import JudgedDays
    from abtest_lib.verdict.judgement import Judgement

Flags = dict[str, Bools]
"""Reason code to whether the reason holds, one value per experiment × day."""


def any_holds(effect: Effect, validity: Validity) -> Bools:
    """Find the days, (E, T), on which the tests of validity give a reason with an effect."""
    found = _evaluate(Stage.VALIDITY, validity, (REASONS[code] for code in codes_of(effect)))
    return np.asarray(np.any(list(found.values()), axis=0) & validity.panel.is_day)


def has_cause(judgement: "Judgement") -> Bools:
    """Find the days, (E, T), on which a reason is enough to explain that nothing was decided."""
    causes = (reason for reason in REASONS.values() if reason.effect is Effect.EXPLAINS and reason.is_cause)
    return np.asarray(np.any(list(_evaluate(Stage.DECISION, judgement, causes).values()), axis=0))


def panel_flags(judgement: "Judgement") -> Flags:
    """Evaluate all reasons that need no comparisons, on every day of a panel, (E, T)."""
    flags = _evaluate(Stage.VALIDITY, judgement.validity) | _evaluate(Stage.DECISION, judgement)
    for code in codes_of(Effect.EXPLAINS):  # they explain why nothing was decided
        flags[code] &= ~judgement.decisions.is_decided
    return {code: flag & judgement.panel.is_day for code, flag in flags.items()}


def comparison_flags(days: "JudgedDays") -> Flags:
    """Evaluate the reasons that need comparisons, on some days, (N,)."""
    return _evaluate(Stage.COMPARISON, days)


def _evaluate(stage: Stage, result: Any, reasons: Iterable[Reason] = REASONS.values()) -> Flags:  # noqa: ANN401  each stage has its own result
    conditions = {reason.code: reason.condition for reason in reasons}
    return {code: np.asarray(one.holds(result)) for code, one in conditions.items() if one and one.stage is stage}
