"""Histories of one experiment as cumulative counts, and the verdicts on their days."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from scipy.special import ndtr

from abtest_lib.contracts.enums import CrossExposed
from abtest_lib.registry import parse_registry
from abtest_lib.verdict.decision import judge
from abtest_lib.verdict.judgement import Judgement
from abtest_lib.verdict.panel import Context
from abtest_lib.verdict.panel_builder import build_panels
from abtest_lib.verdict.rows import Verdict, verdict_rows

START = np.datetime64("2021-08-01")
Counts = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class History:
    """Users and conversions to date of each arm, day by day; a shorter list starts later."""

    arms: Mapping[str, Counts]
    cross_exposed: Mapping[str, Counts] = field(default_factory=dict)
    registry: str = ""
    policy: CrossExposed = CrossExposed.FIRST
    period_starts: Sequence[int] = (0,)
    posterior: bool | float = True
    extra: Mapping[str, Sequence[float]] = field(default_factory=dict)
    skipped_days: Sequence[int] = ()
    name: str = "search/test"

    def columns(self) -> dict[str, object]:
        length = max(len(counts) for counts in self.arms.values())
        rows: list[dict[str, object]] = []
        days = [day for day in range(length + len(self.skipped_days)) if day not in self.skipped_days]
        for index, day in enumerate(days):
            for arm, counts in self.arms.items():
                position = index - (length - len(counts))
                if position >= 0:
                    rows.append(self._row(arm, counts, position, index, day))
        return {name: np.array([row[name] for row in rows]) for name in rows[0]}

    def _row(self, arm: str, counts: Counts, position: int, index: int, day: int) -> dict[str, object]:
        cross_exposed = self.cross_exposed.get(arm, [(0, 0)] * len(counts))
        users, purchases = counts[position]
        control = self.arms[min(self.arms)]
        reference = (
            control[index - (max(map(len, self.arms.values())) - len(control))] if len(control) > 1 else control[0]
        )
        belief = beats(users, purchases, *reference) if self.posterior is True else self.posterior or np.nan
        previous = counts[position - 1] if position else (0, 0)
        return {
            "experiment_name": self.name,
            "variant_id": arm,
            "day": START + day,
            "period_start": START + max(start for start in self.period_starts if start <= day),
            "users": users,
            "purchases": purchases,
            "cross_exposed_users": cross_exposed[position][0],
            "cross_exposed_purchases": cross_exposed[position][1],
            "probability_beats_control": belief,
            "probability_best": belief,
            "day_users": max(users - previous[0], 0),
            "day_purchases": min(max(purchases - previous[1], 0), max(users - previous[0], 0)),
            **{name: values[index] for name, values in self.extra.items()},
        }


def beats(users: float, purchases: float, control_users: float, control_purchases: float) -> float:
    """Approximate P(arm > control) under flat priors by normal distributions."""
    p, p0 = (purchases + 1) / (users + 2), (control_purchases + 1) / (control_users + 2)
    variance = p * (1 - p) / (users + 3) + p0 * (1 - p0) / (control_users + 3)
    return float(ndtr((p - p0) / np.sqrt(variance)))


Judge = Callable[[History], Judgement]


@pytest.fixture
def judged() -> Judge:
    def run(history: History) -> Judgement:
        registry = parse_registry(history.registry.replace("NAME", f'"{history.name}"'))
        context = Context(registry, ("control",), ("DEFAULT",), history.policy)
        (panel,) = build_panels(history.columns(), context)  # type: ignore[arg-type]  arrays by name
        return judge(panel)

    return run


@pytest.fixture
def last(judged: Judge) -> Callable[[History], Verdict]:
    return lambda history: verdict_rows(judged(history))[-1]


@pytest.fixture
def history() -> type[History]:
    return History
