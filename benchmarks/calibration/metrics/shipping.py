"""Measure how often two goals and three guardrails ship an arm; write shipping.csv to this folder.

python benchmarks/calibration/metrics/shipping.py

The daily means of the arms are drawn from the normal law, as thousands of users enter on a day. The rule is that of
the verdict, without probability_beats_control, which is 95 % or more once a goal is proven: one goal proven better, no
metric proven worse, and every guardrail proven not worse than its margin. It is written here from the statistics alone.
"""

import csv
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from abtest_lib.stats.arrays import Bools, Floats
from abtest_lib.stats.means import non_inferiority
from abtest_lib.stats.power import Rule
from abtest_lib.stats.power_means import Test, UserValues, guardrail_test, users_for_lift
from abtest_lib.stats.spending import plan_looks

SEED, EXPERIMENTS, DAYS, END, ALPHA = 20_261_126, 20_000, 28, 20, 0.05
GOALS, GUARDRAILS, LIFT, MARGIN = 2, 3, 0.05, 0.05
VALUES = UserValues(mean=1.0, sd=3.0)
SCENARIOS = {
    "nothing changes": (0.0, 0.0, 0.0, 0.0, 0.0),
    "one goal gains 5 %, a guardrail loses its margin": (LIFT, 0.0, -MARGIN, 0.0, 0.0),
    "no goal gains, one loses 5 %": (0.0, -LIFT, 0.0, 0.0, 0.0),
    "one goal gains 5 %": (LIFT, 0.0, 0.0, 0.0, 0.0),
    "both goals gain 5 %": (LIFT, LIFT, 0.0, 0.0, 0.0),
}


def planned_users() -> int:
    """Return the users per arm that the goals and all guardrails need."""
    goal = Test(alpha=ALPHA / GOALS, rule=Rule.PLANNED, looks=END)
    guardrail = guardrail_test(Test(alpha=ALPHA, rule=Rule.PLANNED, looks=END), GUARDRAILS)
    return max(users_for_lift(VALUES, goal, LIFT), users_for_lift(VALUES, guardrail, MARGIN))


def share_shipped(effects: Sequence[float], users: int, correlation: float, rng: np.random.Generator) -> float:
    """Return the share of experiments that ever ship."""
    shape = (EXPERIMENTS, len(effects), DAYS)
    common, own = rng.standard_normal((EXPERIMENTS, 1, DAYS)), rng.standard_normal(shape)
    noise = math.sqrt(correlation) * common + math.sqrt(1 - correlation) * own
    passed = np.arange(1, DAYS + 1) / END
    error = VALUES.sd * np.sqrt(2 / (users * passed))
    estimate = np.array(effects)[:, None] * VALUES.mean + error * np.cumsum(noise, -1) / np.sqrt(np.arange(1, DAYS + 1))
    return float(_ships(estimate, error, _boundaries(passed)).any(axis=-1).mean())


def _boundaries(passed: Floats) -> Floats:
    """Return |z| of every metric and day, infinite on days without a look."""
    level = np.array([ALPHA / GOALS] * GOALS + [ALPHA] * GUARDRAILS)[:, None]
    fraction = np.broadcast_to(np.minimum(passed, 1.0), (len(level), DAYS))
    looks = plan_looks(np.broadcast_to(passed, fraction.shape), fraction, level, np.ones(fraction.shape, dtype=bool))
    return np.where(looks.is_look, looks.boundary, np.inf)


def _ships(estimate: Floats, error: Floats, boundary: Floats) -> Bools:
    lower = np.maximum.accumulate(estimate - boundary * error, axis=-1)
    upper = np.minimum.accumulate(estimate + boundary * error, axis=-1)
    is_proven = (lower[:, :GOALS] > 0).any(axis=1)
    is_safe = non_inferiority(lower[:, GOALS:], MARGIN * VALUES.mean).all(axis=1)
    return np.asarray(is_proven & is_safe & ~(upper < 0).any(axis=1))


def main() -> None:
    """Run every scenario with independent and with correlated metrics."""
    users = planned_users()
    with (Path(__file__).parent / "shipping.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["truth", "correlation", "users_per_arm", "experiments", "shipped"])
        for number, (title, effects) in enumerate(SCENARIOS.items()):
            for correlation in (0.0, 0.5):
                rng = np.random.default_rng([SEED, number, int(10 * correlation)])
                row = [
                    title,
                    correlation,
                    users,
                    EXPERIMENTS,
                    round(share_shipped(effects, users, correlation, rng), 4),
                ]
                writer.writerow(row)
                print(*row, sep="\t", flush=True)


if __name__ == "__main__":
    main()
