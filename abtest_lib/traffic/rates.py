"""How often users come back, reach the checkout and buy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from abtest_lib.traffic.catalog import CHECKOUT_PAGE, Experiment
from abtest_lib.traffic.devices import DEVICES
from abtest_lib.traffic.hashing import Floats, Integers, normals, stream_key, uniforms

RETURN_RATE = 0.07  # a user's chance to come back on a day, before the user's own activity
CHECKOUT_RATE = 0.08  # a session's chance to reach the checkout
BUY_RATE = 0.55  # a checkout's chance to end in a purchase
ACTIVITY_SD, PROPENSITY_SD = 0.9, 0.5  # standard deviations of logarithms over users

REGULAR_SHARE = 0.03
REGULAR_CHECKOUT_RATE = 0.2
"""A regular's chance to reach the checkout in a session; low enough that several lifts do not push it over one."""
REGULAR_BUY_RATE = 0.9
"""A regular's chance to buy there."""


@dataclass(frozen=True, slots=True)
class Regulars:
    """The few users who come and buy often, from the first day on.

    They make a user's purchases of one week predict those of the next.

    Attributes:
        activity: Their activity; that of the other users is about one on average.
        share: Their share among all users, from 0 to 1.
    """

    activity: float
    share: float = REGULAR_SHARE

    def among(self, seed: int, users: Integers) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Return which users are regulars."""
        is_regular: np.ndarray[tuple[int], np.dtype[np.bool_]] = uniforms(stream_key(seed, "regular"), users) < (
            self.share
        )
        return is_regular


def activity_of(seed: int, users: Integers, regulars: Regulars | None) -> Floats:
    """Return how active each user is, about one on average."""
    activity: Floats = np.exp(ACTIVITY_SD * normals(stream_key(seed, "activity"), users))
    return activity if regulars is None else np.where(regulars.among(seed, users), regulars.activity, activity)


def return_chance(activity: Floats) -> Floats:
    """Return each user's chance to come back on a day."""
    chance: Floats = np.minimum(0.9, RETURN_RATE * activity)
    return chance


def further_visits(activity: Floats) -> Floats:
    """Return how many sessions after the first each user has on a day on average."""
    visits: Floats = 0.2 * np.minimum(activity, 20.0)
    return visits


def checkout_chances(
    seed: int,
    users: Integers,
    assigned: Integers,
    experiments: Sequence[Experiment],
    regulars: Regulars | None = None,
    devices: Integers | None = None,
) -> tuple[Floats, Floats]:
    """Return the chances of each session to reach the checkout, and of the checkout to end in a purchase.

    An experiment on the checkout changes who buys, not who arrives; otherwise its arms would differ in size.

    Args:
        seed: The seed of all random numbers per user.
        users: The user of each session, shape (sessions,).
        assigned: The assignment of each session, shape (sessions, experiments), as in `Sessions`.
        experiments: The experiments.
        regulars: The regulars; None without any.
        devices: The main device of each session's user; None where lifts do not depend on it.
    """
    likes_to_buy = np.exp(PROPENSITY_SD * normals(stream_key(seed, "propensity"), users) - PROPENSITY_SD**2 / 2)
    arrives, buys = CHECKOUT_RATE * likes_to_buy, np.full(len(users), BUY_RATE)
    if regulars is not None:
        is_regular = regulars.among(seed, users)
        arrives = np.where(is_regular, REGULAR_CHECKOUT_RATE, arrives)
        buys = np.where(is_regular, REGULAR_BUY_RATE, buys)
    for column, experiment in enumerate(experiments):
        target = buys if experiment.pages == (CHECKOUT_PAGE,) else arrives
        target *= _factors(experiment, assigned[:, column], devices)
    return arrives, buys


def _factors(experiment: Experiment, digits: Integers, devices: Integers | None) -> Floats:
    if devices is None or not any(arm.devices for arm in experiment.arms):
        return np.array([1.0, *(1.0 + arm.lift for arm in experiment.arms), 1.0])[digits]
    by_device = [
        [1.0, *(1.0 + arm.devices.get(device, arm.lift) for arm in experiment.arms), 1.0] for device in DEVICES
    ]
    factors: Floats = np.array(by_device)[devices, digits]
    return factors
