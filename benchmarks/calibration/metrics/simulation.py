"""Experiments on means and ratios whose truth is known, as sums per arm and day."""

from dataclasses import dataclass

import numpy as np

from abtest_lib.stats.always_valid import mixture_boundary
from abtest_lib.stats.arrays import Bools, Floats, divide
from abtest_lib.stats.information import look_information, mixture_information
from abtest_lib.stats.means import (
    MINIMUM_EFFECTIVE_VALUES,
    MeanDifference,
    compare_means,
    interval,
    lift_interval,
    may_test,
)
from abtest_lib.stats.spending import plan_looks
from abtest_lib.stats.sums import Sums

DAYS, END, ALPHA = 28, 20, 0.05
"""The plan ends on day 20 of 28, so that every cell also tests on after the planned end."""

BUYERS, CAP = 0.05, 8.0
"""Share of users with revenue; the cap, in units of the median order."""

_Z = 1.959964
_SESSIONS, _ORDERS = 3.0, 0.3


@dataclass(frozen=True, slots=True)
class World:
    """One kind of experiment.

    Attributes:
        metric: `revenue`, `capped`, `count` or `ratio`.
        daily: New users of each arm on a day, the control first.
        covariate: Whether users have a covariate that correlates with revenue.
        growing: Whether half of the value of a user comes days after the exposure.
        lift: What multiplies the values of the last arm, minus one.
    """

    metric: str
    daily: tuple[int, ...]
    covariate: bool = False
    growing: bool = False
    lift: float = 0.0


def simulate(world: World, experiments: int, rng: np.random.Generator) -> Sums:
    """Draw sums to date of many experiments, shape (experiments, arms, days)."""
    shape = (experiments, len(world.daily), DAYS)
    new = np.broadcast_to(np.array(world.daily)[:, None], shape)
    drawn = _revenue(world, new, rng) if world.metric in {"revenue", "capped"} else _events(world, new, rng)
    return Sums(np.cumsum(new, axis=-1, dtype=np.float64), *(np.cumsum(values, axis=-1) for values in drawn))


def _revenue(world: World, new: Floats, rng: np.random.Generator) -> list[Floats]:
    """Draw revenue: 95 % zeros, else log-normal; the covariate is the revenue before, of the same kind of users."""
    cell = np.repeat(np.arange(new.size), rng.binomial(new, BUYERS).ravel())
    arm = cell // DAYS % new.shape[1]
    noise, before = rng.standard_normal((2, cell.size))
    value = np.exp(noise) * np.where(arm == new.shape[1] - 1, 1 + world.lift, 1.0)
    c = np.exp(0.8 * noise + 0.6 * before) * (rng.random(cell.size) < 0.8)
    first = value / 2 if world.growing else value
    x, last = (np.minimum(v, CAP if world.metric == "capped" else np.inf) for v in (first, value))
    later = cell % DAYS + rng.geometric(0.25, cell.size)
    comes = (later < DAYS) & world.growing
    again = (cell - cell % DAYS + later)[comes]

    def total(at_once: Floats, growth: Floats) -> Floats:
        grown = np.bincount(again, growth[comes], new.size)
        return (np.bincount(cell, at_once, new.size) + grown).reshape(new.shape)

    nothing = np.full(new.shape, np.nan)
    values = [total(x, last - x), total(x**2, last**2 - x**2), nothing, nothing, nothing]
    if not world.covariate:
        return [*values, *[nothing] * 4]
    none = np.zeros(cell.size)
    # Users without revenue have no covariate here: their zeros are part of the correlation.
    return [*values, total(c, none), total(c**2, none), total(x * c, (last - x) * c), nothing]


def _events(world: World, new: Floats, rng: np.random.Generator) -> list[Floats]:
    """Draw orders and sessions of every user; users differ in both."""
    cell = np.repeat(np.arange(new.size), new.ravel())
    taste = rng.standard_gamma(2.0, cell.size) / 2
    arm = cell // DAYS % new.shape[1]
    taste *= np.where(arm == new.shape[1] - 1, 1 + world.lift, 1.0)
    y = 1.0 + rng.poisson(_SESSIONS * rng.standard_gamma(2.0, cell.size) / 2)
    x = rng.poisson(_ORDERS * taste * (y / 4 if world.metric == "ratio" else 1.0)).astype(np.float64)
    parts = [x, x**2, *([y, y**2, x * y] if world.metric == "ratio" else [])]
    drawn = [np.bincount(cell, part, new.size).reshape(new.shape) for part in parts]
    return [*drawn, *[np.full(new.shape, np.nan)] * (9 - len(drawn))]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the looks of many experiments found.

    Attributes:
        ever: Whether the bounds of any arm passed the truth, (experiments,).
        better: Whether the last arm was proven better, (experiments,).
    """

    ever: Bools
    better: Bools


def judge(sums: Sums, *, planned: bool, gated: bool = True) -> Outcome:
    """Test every arm against the first on all looks; without the gate, from ten effective values in both arms."""
    arm = sums.select(np.s_[:, 1:])
    control = sums.select(np.s_[:, :1]).map(lambda values: np.broadcast_to(values, arm.users.shape))
    found = compare_means(arm, control)
    may = (may_test(arm, control) if gated else _has_ten_values(arm, control)) & (found.standard_error > 0)
    boundary = _boundaries(found, (arm, control), may, planned=planned)
    statistic = np.nan_to_num(found.difference / found.standard_error)
    crossed = np.abs(statistic) >= np.where(np.isnan(boundary), np.inf, boundary)
    better = crossed[:, -1] & (statistic[:, -1] > 0)
    return Outcome(crossed.any(axis=(1, 2)), better.any(axis=-1))


def _has_ten_values(arm: Sums, control: Sums) -> Bools:
    return np.minimum(*(np.nan_to_num(divide(one.x**2, one.xx)) for one in (arm, control))) >= MINIMUM_EFFECTIVE_VALUES


def _boundaries(found: MeanDifference, arms: tuple[Sums, Sums], may: Bools, *, planned: bool) -> Floats:
    alpha = ALPHA / found.difference.shape[1]
    if not planned:
        events = np.where(may, mixture_information(found, *arms), 0.0)
        return np.where(may, mixture_boundary(np.maximum.accumulate(events, axis=-1), alpha), np.nan)
    information = np.where(may, look_information(found, *arms), 0.0).reshape(-1, DAYS)
    fraction = np.broadcast_to(np.minimum(np.arange(1, DAYS + 1) / END, 1.0), information.shape)
    level = np.full(information.shape, alpha)
    return plan_looks(information, fraction, level, may.reshape(-1, DAYS)).boundary.reshape(may.shape)


def covers(sums: Sums) -> tuple[float, float]:
    """Return the share of 95 % intervals on the last day that hold no difference, and of those of the lift."""
    last = sums.select(np.s_[:, :, -1])
    found = compare_means(last.select(np.s_[:, 1]), last.select(np.s_[:, 0]))
    ends = [(interval(found.difference, found.standard_error, _Z)), lift_interval(found, _Z)]
    shares = [float(((one.lower < 0) & (one.upper > 0)).mean()) for one in ends]
    return shares[0], shares[1]
