"""Simulated experiments with a known truth, as panels, and how often each rule decides."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from abtest_lib.contracts.enums import CrossExposed
from abtest_lib.registry import Allocation, Experiment
from abtest_lib.stats.chi_square import independence
from abtest_lib.stats.proportions import score_statistic
from abtest_lib.verdict.control import ControlChoice, ControlSource
from abtest_lib.verdict.evidence import schedule_looks
from abtest_lib.verdict.panel import Panel
from abtest_lib.verdict.rules import Rules

Floats = npt.NDArray[np.float64]

START = np.datetime64("2021-08-01")
DAILY_CONVERSION_OF_WAITING = 0.25
"""A delayed buyer buys on each day with this probability: three days after entering on average."""


@dataclass(frozen=True)
class World:
    """How users enter and buy.

    Attributes:
        rates: Conversion of each arm, the control first.
        daily: Users per arm and day, on average over the days.
        days: Days.
        delayed: Whether purchases come days later.
        front_loaded: Whether 70 % of the users enter in the first week.
    """

    rates: tuple[float, ...]
    daily: float
    days: int = 28
    delayed: bool = False
    front_loaded: bool = False

    def entries(self) -> Floats:
        """Return the expected users per arm on each day."""
        shares = np.full(self.days, 1 / self.days)
        if self.front_loaded:
            shares = np.where(np.arange(self.days) < 7, 0.7 / 7, 0.3 / (self.days - 7))
        return self.daily * self.days * shares


def simulate(world: World, experiments: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Simulate users and purchases to date, each (experiments, days, arms)."""
    shape = (experiments, world.days, len(world.rates))
    users = rng.poisson(world.entries()[None, :, None], shape)
    buyers = rng.binomial(users, np.array(world.rates))
    if not world.delayed:
        return users.cumsum(axis=1).astype(float), buyers.cumsum(axis=1).astype(float)
    waiting, bought = np.zeros((shape[0], shape[2]), dtype=np.int64), np.zeros(shape)
    for day in range(world.days):
        waiting += buyers[:, day]
        now = rng.binomial(waiting, DAILY_CONVERSION_OF_WAITING)
        waiting -= now
        bought[:, day] = now
    return users.cumsum(axis=1).astype(float), bought.cumsum(axis=1)


def as_panel(
    users: Floats,
    purchases: Floats,
    experiment: Experiment | None,
    shares: Sequence[float] | None = None,
    period_starts: Sequence[int] = (0,),
) -> Panel:
    """Make a panel from counts, with the normal approximation of the posterior under flat priors.

    Args:
        users: Users to date of the period, (E, T, K).
        purchases: Those who converted.
        experiment: What the registry declares for each of them.
        shares: Declared shares of each day's period, (T, K); equal by default.
        period_starts: Days on which periods start.
    """
    number, days, arms = users.shape
    names = tuple(str(index) for index in range(arms))
    control = ControlChoice(names[0], ControlSource.REGISTERED)
    starts = np.array([max(start for start in period_starts if start <= day) for day in range(days)])
    belief, best = beliefs(users, purchases)
    zeros, unknown = np.zeros_like(users), np.full((number, days), np.nan)
    expected = np.full((days, arms), 1 / arms) if shares is None else np.array(shares)
    day = np.broadcast_to(START + np.arange(days), (number, days))
    return Panel(
        names=tuple(map(str, range(number))),
        arms=(names,) * number,
        controls=(control,) * number,
        declared=(experiment,) * number,
        policy=CrossExposed.FIRST,
        window_days=math.inf,
        day=day,
        is_day=np.ones((number, days), dtype=bool),
        period_start=np.broadcast_to(START + starts, (number, days)),
        is_first=np.broadcast_to(np.isin(np.arange(days), period_starts), (number, days)),
        is_seen=np.ones(users.shape, dtype=bool),
        users=users,
        purchases=purchases,
        cross_exposed_users=zeros,
        cross_exposed_purchases=zeros,
        probability_best=best,
        probability_beats_control=belief,
        day_users=np.full(users.shape, np.nan),
        day_purchases=np.full(users.shape, np.nan),
        fallback_users=np.zeros((number, days)),
        quarantined_share=unknown,
        calendar=day,
        shares=np.broadcast_to(expected, users.shape),
        is_declared=np.full((number, days), experiment is not None and bool(experiment.allocations)),
        control=np.zeros(number, dtype=np.int64),
    )


def beliefs(users: Floats, purchases: Floats) -> tuple[Floats, Floats]:
    """Return P(arm beats control), and numbers in the order of P(arm is best)."""
    p = (purchases + 1) / (users + 2)
    variance = p * (1 - p) / (users + 3)
    belief = ndtr((p - p[:, :, :1]) / np.sqrt(variance + variance[:, :, :1]))
    belief[:, :, 0] = np.nan
    return belief, p / p.sum(axis=2, keepdims=True)


def declared(arms: int, planned_users: int | None) -> Experiment:
    """Declare an experiment with an equal split, planned or not."""
    shares = tuple((str(index), 1 / arms) for index in range(arms))
    return Experiment("e", control="0", planned_users=planned_users, allocations=(Allocation(None, shares),))


def crossings(panel: Panel) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Find the days by which an arm's bound has passed zero, upwards and downwards, (E, T).

    `ship` needs a lower bound above zero and more, `proven_loss` an upper bound below it; as the interval inverts the
    test, a bound passes zero exactly when |z| reaches the boundary.
    """
    looks = schedule_looks(panel, Rules())
    control = (panel.purchases[:, :, :1], panel.users[:, :, :1])
    z = score_statistic(panel.purchases, panel.users, *control)
    up, down = z >= looks.boundary, z <= -looks.boundary
    return up.any(axis=2).cumsum(axis=1) > 0, down.any(axis=2).cumsum(axis=1) > 0


def naive_chi_square(users: Floats, purchases: Floats) -> float:
    """Return the share of experiments whose daily chi-square over all arms is ever below 5 %."""
    return float((independence(purchases, users).p_value < 0.05).any(axis=1).mean())


def naive_probability(users: Floats, purchases: Floats) -> float:
    """Return the share in which an arm ever beats the control, or loses to it, with probability above 95 %."""
    belief = beliefs(users, purchases)[0][:, :, 1:]
    return float(((belief > 0.95) | (belief < 0.05)).any(axis=(1, 2)).mean())
