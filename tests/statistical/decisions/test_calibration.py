"""Calibration of the decisions in simulated experiments whose truth is known.

Limits are four standard errors away from the documented rates; `benchmarks/calibration/decisions` is the full version.
"""

import importlib.util
import math
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from abtest_lib.stats.chi_square import balance, sample_ratio
from abtest_lib.stats.power import Design, users_per_arm
from abtest_lib.stats.proportions import critical_value, score_statistic
from abtest_lib.verdict.decision import judge

FOLDER = Path(__file__).parents[3] / "benchmarks" / "calibration" / "decisions"


def load(name: str) -> ModuleType:
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="module")
def simulation() -> ModuleType:
    return load("simulation")


@pytest.fixture(scope="module")
def ramp() -> dict[str, float]:
    load("simulation")
    return {row["ramp"]: float(row["decided"]) for row in load("run").ramp(300)}


@pytest.mark.parametrize("rule", ["planned", "unplanned"])
@pytest.mark.parametrize(
    ("arms", "rate", "daily", "ways"),
    [
        (2, 0.05, 500, ()),
        (2, 0.5, 50, ("delayed",)),
        (3, 0.05, 500, ("delayed", "front_loaded")),
        (6, 0.2, 50, ("front_loaded",)),
    ],
)
def test_an_aa_test_is_decided_in_at_most_five_percent(
    simulation: ModuleType, arms: int, rate: float, daily: int, ways: tuple[str, ...], rule: str
) -> None:
    experiments = 1000
    world = simulation.World((rate,) * arms, daily, **dict.fromkeys(ways, True))
    users, purchases = simulation.simulate(world, experiments, np.random.default_rng(21))
    plan = round(arms * world.entries()[:20].sum()) if rule == "planned" else None
    up, down = simulation.crossings(simulation.as_panel(users, purchases, simulation.declared(arms, plan)))
    share = (up | down)[:, -1].mean()
    assert share <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / experiments)
    assert share > (0.005 if rule == "planned" else -1)  # a rule that never decides would pass the other assertion
    assert simulation.naive_chi_square(users, purchases) > 0.12


def test_a_verdict_decides_only_if_a_bound_has_passed_zero(simulation: ModuleType) -> None:
    users, purchases = simulation.simulate(simulation.World((0.2, 0.2, 0.23), 200), 300, np.random.default_rng(22))
    panel = simulation.as_panel(users, purchases, simulation.declared(3, 3 * 200 * 20))
    up, down = simulation.crossings(panel)
    decided = judge(panel)
    assert ((decided.evidence.lower > 0).any(axis=2) == up).all()
    assert ((decided.evidence.upper < 0).any(axis=2) == down).all()
    ships = (decided.decisions.decision == "ship").any(axis=1)
    assert ships.mean() > 0.1
    assert (up[:, -1] | ~ships).all()


@pytest.mark.parametrize("arms", [2, 3])
def test_the_planned_rule_has_nearly_the_power_of_one_look(simulation: ModuleType, arms: int) -> None:
    size = users_per_arm(Design(0.05, arms), 0.1)
    world = simulation.World((*(0.05,) * (arms - 1), 0.055), size / 28)
    users, purchases = simulation.simulate(world, 800, np.random.default_rng(23))
    decisions = judge(
        simulation.as_panel(users, purchases, simulation.declared(arms, round(size * arms * 0.999)))
    ).decisions
    shipped = (decisions.decision == "ship") & (decisions.arm == arms - 1)
    z = score_statistic(purchases[:, -1, -1], users[:, -1, -1], purchases[:, -1, 0], users[:, -1, 0])
    fixed = (z > critical_value(0.05 / (arms - 1))).mean()
    assert fixed == pytest.approx(0.8, abs=0.05)
    assert shipped.any(axis=1).mean() >= 0.9 * fixed
    assert np.where(shipped.any(axis=1), 1 - (np.argmax(shipped, axis=1) + 1) / 28, 0).mean() > 0.1


def test_the_sample_ratio_test_over_many_looks() -> None:
    users = np.random.default_rng(24).poisson(500, (4000, 90, 2)).cumsum(axis=1)
    alarms = (sample_ratio(users, [0.5, 0.5]).p_value < 0.001).any(axis=1).mean()
    assert 0.004 < alarms < 0.023  # about 1.4 %


def test_power_of_the_tests_of_validity() -> None:
    rng = np.random.default_rng(25)
    split = rng.binomial(100_000, 0.51, 2000)
    found = sample_ratio(np.stack([split, 100_000 - split], axis=1), [0.5, 0.5]).p_value < 0.001
    assert found.mean() >= 0.99
    switchers = rng.binomial(10_000, (0.04, 0.06), (2000, 2))
    assert (balance(switchers, np.full((2000, 2), 10_000)).p_value < 0.001).mean() >= 0.99


def test_a_ramp_with_a_falling_base_rate_gives_no_decision(ramp: dict[str, float]) -> None:
    assert ramp.pop("not declared") == 0
    pooled = next(name for name in ramp if name.startswith("pooled"))
    assert ramp.pop(pooled) > 0.3  # what pooling by hand would call significant
    assert set(ramp) == {"declared, planned", "declared, unplanned"}
    assert max(ramp.values()) <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / 300)
