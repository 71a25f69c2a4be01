"""Measure how often the rules decide and how often they are wrong; write one CSV per question to this folder.

python benchmarks/calibration/decisions/run.py            everything: about an hour on two cores
python benchmarks/calibration/decisions/run.py --quick    a tenth of the experiments
python benchmarks/calibration/decisions/run.py aa power   only these
"""

import argparse
import csv
import itertools
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from simulation import (  # noqa: E402  in this folder
    START,
    World,
    as_panel,
    crossings,
    declared,
    naive_chi_square,
    naive_probability,
    simulate,
)

from abtest_lib.registry import Allocation, Experiment  # noqa: E402
from abtest_lib.stats.arrays import Bools  # noqa: E402
from abtest_lib.stats.chi_square import balance, sample_ratio  # noqa: E402
from abtest_lib.stats.power import Design, users_per_arm  # noqa: E402
from abtest_lib.stats.proportions import critical_value, score_statistic  # noqa: E402
from abtest_lib.verdict.decision import judge  # noqa: E402
from abtest_lib.verdict.flags import panel_flags  # noqa: E402
from abtest_lib.verdict.panel import Panel  # noqa: E402

Row = Mapping[str, Any]
Cell = tuple[int, float, int, bool, bool]
SEED = 20_210_801
BATCH = 2_500
END = 20
"""The plan ends on day 20 of 28, so that every cell also tests on after the planned end."""


def false_decisions(experiments: int, known: int = 0) -> Iterator[Row]:
    """Measure the share of A/A experiments that any rule ever decides, by cell; skip the first `known` cells."""
    with ProcessPoolExecutor() as pool:
        yield from pool.map(partial(_false_decisions, experiments=experiments), list(_cells())[known:])


def _false_decisions(cell: Cell, experiments: int) -> Row:
    arms, rate, daily, delayed, front_loaded = cell
    world = World((rate,) * arms, daily, delayed=delayed, front_loaded=front_loaded)
    rng = np.random.default_rng([SEED, arms, int(rate * 100), daily, delayed, front_loaded])
    planned = declared(arms, round(arms * world.entries()[:END].sum()))
    found = np.zeros(4)
    for size in _batches(experiments):
        users, purchases = simulate(world, size, rng)
        rules = (planned, declared(arms, None))
        ever = [np.logical_or(*crossings(as_panel(users, purchases, rule)))[:, -1].mean() for rule in rules]
        naive = [naive_chi_square(users, purchases), naive_probability(users, purchases)]
        found += np.array(ever + naive) * size / experiments
    names = ("planned", "unplanned", "naive_chi_square", "naive_probability")
    return {
        "arms": arms,
        "rate": rate,
        "daily_users_per_arm": daily,
        "purchases": "delayed" if delayed else "at once",
        "entry": "first week" if front_loaded else "even",
        "experiments": experiments,
        **dict(zip(names, found.round(4), strict=True)),
    }


def _cells() -> Iterator[Cell]:
    """Yield every combination; the first quarter has each of arms, rate and traffic once, entry and delay vary."""
    ways = list(itertools.product((False, True), (False, True)))
    grid = list(
        itertools.product(enumerate((2, 3, 4, 6)), enumerate((0.01, 0.05, 0.2, 0.5)), enumerate((50, 500, 5000)))
    )
    for turn in range(len(ways)):
        for (i, arms), (j, rate), (k, daily) in grid:
            yield arms, rate, daily, *ways[(i + j + k + turn) % len(ways)]


def power(experiments: int) -> Iterator[Row]:
    """Measure what is shipped and when, one arm 10 % better, at the size that a single look needs for 80 %."""
    for arms, rate, delayed in itertools.product((2, 3, 4), (0.05, 0.2), (False, True)):
        size = users_per_arm(Design(rate, arms), 0.1)
        world = World((*(rate,) * (arms - 1), rate * 1.1), size / 28, delayed=delayed)
        rng = np.random.default_rng([SEED, arms, int(rate * 100), delayed])
        plan, totals = declared(arms, round(size * arms * 0.999)), np.zeros(5)
        for batch in _batches(experiments):
            users, purchases = simulate(world, batch, rng)
            end = (purchases[:, -1, -1], users[:, -1, -1], purchases[:, -1, 0], users[:, -1, 0])
            fixed = score_statistic(*end) > critical_value(0.05 / (arms - 1))
            outcomes = [judge(as_panel(users, purchases, rule)).decisions for rule in (plan, declared(arms, None))]
            shipped = [(found.decision == "ship") & (found.arm == arms - 1) for found in outcomes]
            ever = [days.any(axis=1) for days in shipped]
            saved = np.where(ever[0], 1 - (np.argmax(shipped[0], axis=1) + 1) / 28, 0.0)
            wrong = ((outcomes[0].decision == "ship") & (outcomes[0].arm != arms - 1)).any(axis=1)
            totals += np.array([v.mean() for v in (fixed, *ever, saved, wrong)]) * batch / experiments
        names = ("fixed", "planned", "unplanned", "planned_time_saved", "wrong_arm_shipped")
        yield {
            "arms": arms,
            "rate": rate,
            "purchases": "delayed" if delayed else "at once",
            "users_per_arm": size,
            "experiments": experiments,
            **dict(zip(names, totals.round(4), strict=True)),
            "planned_over_fixed": round(totals[1] / totals[0], 4),
        }


def validity(experiments: int) -> Iterator[Row]:
    """Measure false alarms of the sample-ratio test over many daily looks, and the power of the tests of validity."""
    rng = np.random.default_rng([SEED, 7])
    alarms = np.zeros(365)
    for batch in _batches(experiments):
        users = rng.poisson(500, (batch, 365, 2)).cumsum(axis=1)
        ever = (sample_ratio(users, [0.5, 0.5]).p_value < 0.001).cumsum(axis=1) > 0
        alarms += ever.sum(axis=0) / experiments
    for looks in (1, 28, 90, 365):
        yield {"question": f"sample-ratio false alarms over {looks} daily looks", "share": round(alarms[looks - 1], 4)}
    split = rng.binomial(100_000, 0.51, experiments)
    found = sample_ratio(np.stack([split, 100_000 - split], axis=1), [0.5, 0.5]).p_value < 0.001
    yield {"question": "51/49 split of 100,000 users found", "share": round(found.mean(), 4)}
    switchers = rng.binomial(10_000, (0.04, 0.06), (experiments, 2))
    found = balance(switchers, np.full((experiments, 2), 10_000)).p_value < 0.001
    yield {"question": "switching of 4 % against 6 % of 10,000 users an arm found", "share": round(found.mean(), 4)}
    users = rng.poisson(500, (experiments // 10, 28, 2)).cumsum(axis=1).astype(float)
    flags = panel_flags(judge(as_panel(users, np.zeros_like(users), declared(2, None))))
    for code in ("sample_ratio_mismatch", "allocation_changed", "arm_started_late"):
        share = flags[code].any(axis=1).mean()
        yield {"question": f"{code} in a healthy experiment over 28 days", "share": round(float(share), 4)}


def ramp(experiments: int) -> Iterator[Row]:
    """Measure an A/A ramp, 10/90 for two weeks, then 50/50, while the base rate falls from 6 % to 5 %."""
    rng = np.random.default_rng([SEED, 9])
    shares = np.where(np.arange(28)[:, None] < 14, [0.9, 0.1], [0.5, 0.5])
    rates = np.where(np.arange(28)[:, None] < 14, 0.06, 0.05)
    users = rng.poisson(2000 * shares, (experiments, 28, 2))
    purchases = rng.binomial(users, rates)
    pooled = users.cumsum(axis=1).astype(float), purchases.cumsum(axis=1).astype(float)
    by_period = [
        np.concatenate([c[:, :14].cumsum(axis=1), c[:, 14:].cumsum(axis=1)], axis=1) for c in (users, purchases)
    ]
    splits = (Allocation(None, (("0", 0.9), ("1", 0.1))), Allocation(_day(14), (("0", 0.5), ("1", 0.5))))
    plan = Experiment("e", control="0", planned_users=28_000, allocations=splits)
    open_end = Experiment("e", control="0", allocations=splits)
    panels = {
        "declared, planned": as_panel(*(c.astype(float) for c in by_period), plan, shares, (0, 14)),
        "declared, unplanned": as_panel(*(c.astype(float) for c in by_period), open_end, shares, (0, 14)),
        "not declared": as_panel(*pooled, None, np.full((28, 2), 0.5)),
    }
    for name, panel in panels.items():
        yield {"ramp": name, "experiments": experiments, "decided": round(_claims(panel).any(axis=1).mean(), 4)}
    z = score_statistic(pooled[1][:, -1, 1], pooled[0][:, -1, 1], pooled[1][:, -1, 0], pooled[0][:, -1, 0])
    lift = (pooled[1][:, -1, 1] / pooled[0][:, -1, 1]) / (pooled[1][:, -1, 0] / pooled[0][:, -1, 0]) - 1
    significant = round((np.abs(z) > critical_value(0.05)).mean(), 4)
    yield {
        "ramp": f"pooled by hand: a lift of {lift.mean():+.1%}, significant",
        "experiments": experiments,
        "decided": significant,
    }


def _claims(panel: Panel) -> Bools:
    """Find the days whose decision claims an effect; futility claims none."""
    found = judge(panel).decisions
    return found.is_gain | found.is_loss


def _day(index: int) -> date:
    return START.item() + timedelta(days=index)


def _batches(experiments: int) -> Iterator[int]:
    for start in range(0, experiments, BATCH):
        yield min(BATCH, experiments - start)


QUESTIONS = {
    "validity": (validity, 10_000),
    "ramp": (ramp, 1_000),
    "power": (power, 1_000),
    "aa": (false_decisions, 10_000),
}


def main() -> None:
    """Answer the requested questions, each in its own file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("questions", nargs="*", choices=[*QUESTIONS, []], default=[])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--resume", action="store_true", help="keep the cells of aa.csv and add the others")
    options = parser.parse_args()
    for name in options.questions or QUESTIONS:
        question, experiments = QUESTIONS[name]
        experiments = experiments // 10 if options.quick else experiments
        started, path = time.monotonic(), HERE / f"{name}.csv"
        rows = question(experiments)
        if name == "aa" and options.resume and path.exists():
            rows = false_decisions(experiments, known=len(path.read_text(encoding="utf-8").splitlines()) - 1)
        else:
            path.unlink(missing_ok=True)
        _append(path, rows)
        print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)


def _append(path: Path, rows: Iterator[Row]) -> None:
    with path.open("a", newline="", encoding="utf-8") as file:
        for row in rows:
            writer = csv.DictWriter(file, list(row))
            if file.tell() == 0:
                writer.writeheader()
            writer.writerow(row)
            file.flush()


if __name__ == "__main__":
    main()
