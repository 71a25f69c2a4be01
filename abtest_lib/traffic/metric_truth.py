"""The true effects of arms on the metrics of generated traffic."""

from collections.abc import Sequence

import numpy as np

from abtest_lib.traffic.catalog import Arm, Experiment
from abtest_lib.traffic.devices import DEVICE_SHARES, DEVICES, main_devices, main_given_seen
from abtest_lib.traffic.events import Traffic
from abtest_lib.traffic.hashing import Floats, Integers
from abtest_lib.traffic.rates import activity_of, checkout_chances, further_visits, return_chance
from abtest_lib.traffic.regulars import regulars_for
from abtest_lib.traffic.sessions import first_days

SAMPLE = 20_000
"""Conversions are averaged over users of these numbers, whether or not the traffic has so many."""

MEANING = (
    "relative change against the control by the last day, a ratio. orders_per_user, revenue_per_user (uncapped), "
    "searches_per_order and next_days are closed forms; purchase and checkout are computed chances, averaged over "
    f"{SAMPLE:,} users, as if no other experiment ran"
)


def metric_effects(traffic: Traffic, experiment: Experiment) -> dict[str, dict[str, float]]:
    """Return the true effects of each arm but the control, by variant and metric.

    Totals change in closed form: an arm multiplies a session's chance to buy, the amount of a purchase and the
    searches, each independent of the others. Nobody comes more often because of an arm.
    """
    controls = _conversions(traffic, experiment, 0)
    return {
        arm.variant_id: _totals(arm) | _relative(_conversions(traffic, experiment, number), controls)
        for number, arm in enumerate(experiment.arms)
        if number
    }


def segment_effects(experiment: Experiment) -> dict[str, dict[str, float]]:
    """Return the true change of orders per user by the device at first exposure, by variant; empty where all agree."""
    return {
        arm.variant_id: {
            f"device={device}": round(_lift(arm, main_given_seen(seen)), 6) for seen, device in enumerate(DEVICES)
        }
        for arm in experiment.arms
        if arm.devices
    }


def _lift(arm: Arm, weights: Sequence[float] = DEVICE_SHARES) -> float:
    lifts = [arm.devices.get(device, arm.lift) for device in DEVICES]
    return sum(weight * lift for weight, lift in zip(weights, lifts, strict=True))


def _totals(arm: Arm) -> dict[str, float]:
    lift = _lift(arm)
    changes = {
        "orders_per_user": lift,
        "revenue_per_user": (1 + lift) * (1 + arm.amount) - 1,
        "searches_per_order": (1 + arm.searches) / (1 + lift) - 1,
        "next_days": 0.0,
    }
    return {metric: round(change, 6) for metric, change in changes.items()}


def _relative(values: dict[str, float], controls: dict[str, float]) -> dict[str, float]:
    return {metric: round(values[metric] / controls[metric] - 1, 4) for metric in values}


def _conversions(traffic: Traffic, experiment: Experiment, arm: int) -> dict[str, float]:
    """Return the chance of a user in the experiment to buy, and to reach the checkout within two days."""
    regulars, users = regulars_for(traffic.correlation), np.arange(SAMPLE)
    activity = activity_of(traffic.seed, users, regulars)
    assigned = np.full((SAMPLE, 1), arm + 1)
    devices = main_devices(traffic.seed, users)
    arrives, buys = checkout_chances(traffic.seed, users, assigned, [experiment], regulars, devices)
    comes, further = return_chance(activity), further_visits(activity)
    enters = _entry_days(traffic, experiment, first_days(traffic.seed, users, traffic.days, regulars), comes)
    left = traffic.days - 1 - np.arange(traffic.days)

    def share(chance: Floats, days: Floats) -> float:
        misses = (1 - chance) * np.exp(-further * chance)
        later = 1 - comes + comes * misses
        converts = 1 - misses[:, None] * later[:, None] ** days
        return float((enters * converts).sum() / enters.sum())

    # The window of two days ends within the third day, at the time of day of the first exposure: half of it counts.
    return {
        "purchase": share(np.minimum(arrives * buys, 1.0), left.astype(float)),
        "checkout": share(np.minimum(arrives, 1.0), np.minimum(left, 1.5)),
    }


def _entry_days(traffic: Traffic, experiment: Experiment, first_day: Integers, comes: Floats) -> Floats:
    """Return the chance of each user to be exposed first on each day, shape (users, days)."""
    start, days = int(experiment.starts * traffic.days), np.arange(traffic.days)
    since = days[None, :] - np.maximum(first_day, start - 1)[:, None]
    later = np.where((days[None, :] >= start) & (since > 0), comes[:, None] * (1 - comes[:, None]) ** (since - 1), 0.0)
    return np.where(first_day[:, None] >= start, (days[None, :] == first_day[:, None]).astype(float), later)
