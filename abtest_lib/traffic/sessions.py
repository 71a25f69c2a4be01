"""Sessions of a day: users, assignments, and lengths."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from abtest_lib.traffic.catalog import CHECKOUT_PAGE, PAGE_KINDS, PAGES, Experiment
from abtest_lib.traffic.hashing import Floats, Integers, normals, stream_key, uniforms

EVENT_NAMES = ("SEARCH", "PRODUCT", "CHECKOUT_1", "CHECKOUT_2", "CHECKOUT_3", "BUY")
BUY = len(EVENT_NAMES) - 1
CHECKOUT = 2
"""The first event of the checkout; the page of event e is min(e, CHECKOUT)."""

RETURN_RATE = 0.07  # a user's chance to come back on a day, before the user's own activity
CHECKOUT_RATE = 0.08  # a session's chance to reach the checkout
BUY_RATE = 0.55  # a checkout's chance to end in a purchase
ABANDONED = np.array([0.45, 0.3, 0.25])  # where the other checkouts end
LONGEST = 400  # browsing events in a session


@dataclass(frozen=True)
class Sessions:
    """The sessions of one day and one block of users.

    Attributes:
        users: The user of each session, shape (sessions,).
        activity: How active that user is, about one on average.
        assigned: The assignment of each session, shape (sessions, experiments): 0 is absent, 1… an arm,
            the number of arms plus 1 the fallback.
        browsing: Searches and product pages of each session.
        steps: Checkout events of each session: 0 to 3 when it was not reached or was left, 4 with a purchase.
    """

    users: Integers
    activity: Floats
    assigned: Integers
    browsing: Integers
    steps: Integers

    @cached_property
    def lengths(self) -> Integers:
        """The events of each session."""
        return self.browsing + self.steps


def draw_sessions(
    rng: np.random.Generator, seed: int, users: Integers, day: int, days: int, experiments: Sequence[Experiment]
) -> Sessions:
    """Draw the sessions of a block of users on one day.

    Args:
        rng: The random numbers of this day and block.
        seed: The seed of all random numbers per user.
        users: The users' numbers.
        day: The day's number, from 0.
        days: The days of the whole traffic.
        experiments: The experiments.

    Returns:
        The sessions, in the order of the users.
    """
    activity = np.exp(0.9 * normals(stream_key(seed, "activity"), users))
    present = _present(seed, users, activity, day, days)
    users, activity = users[present], activity[present]
    visits = 1 + rng.poisson(0.2 * np.minimum(activity, 20.0))
    users, activity = np.repeat(users, visits), np.repeat(activity, visits)
    live = [day >= int(experiment.starts * days) for experiment in experiments]
    columns = [
        _assign(rng, seed, users, experiment) if is_live else np.zeros(len(users), np.int64)
        for experiment, is_live in zip(experiments, live, strict=True)
    ]
    assigned = np.stack(columns, axis=1) if columns else np.zeros((len(users), 0), np.int64)
    browsing = 1 + np.exp(1.0 + 0.9 * rng.standard_normal(len(users)) + 0.2 * np.log(activity)).astype(np.int64)
    steps = _checkout(rng, seed, users, assigned, experiments)
    return Sessions(users, activity, assigned, np.minimum(browsing, LONGEST), steps)


def _present(
    seed: int, users: Integers, activity: Floats, day: int, days: int
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    first_day = (days * uniforms(stream_key(seed, "first day"), users) ** 1.3).astype(np.int64)
    returns = uniforms(stream_key(seed, "return", day), users) < np.minimum(0.9, RETURN_RATE * activity)
    present: np.ndarray[tuple[int], np.dtype[np.bool_]] = (first_day == day) | ((first_day < day) & returns)
    return present


def _assign(rng: np.random.Generator, seed: int, users: Integers, experiment: Experiment) -> Integers:
    """Assign an arm, 1…, or the fallback, the number of arms plus 1, to each session."""
    fallback = len(experiment.arms) + 1
    if not experiment.arms:
        return np.full(len(users), fallback, np.int64)
    place = uniforms(stream_key(seed, "arm", experiment.name), users)
    if experiment.cross_exposed:
        is_reassigned = uniforms(stream_key(seed, "cross", experiment.name), users) < experiment.cross_exposed
        place = np.where(is_reassigned, rng.random(len(users)), place)
    bounds = np.cumsum(experiment.shares)[:-1]
    digits = 1 + np.searchsorted(bounds, place, side="right").astype(np.int64)
    if experiment.fallback:
        digits[rng.random(len(users)) < experiment.fallback] = fallback
    return digits


def _checkout(
    rng: np.random.Generator, seed: int, users: Integers, assigned: Integers, experiments: Sequence[Experiment]
) -> Integers:
    """Draw how many steps of the checkout each session takes.

    An experiment on the checkout changes who buys, not who arrives; otherwise its arms would differ in size.
    """
    likes_to_buy = np.exp(0.5 * normals(stream_key(seed, "propensity"), users) - 0.125)
    arrives, buys = CHECKOUT_RATE * likes_to_buy, np.full(len(users), BUY_RATE)
    for column, experiment in enumerate(experiments):
        factors = np.array([1.0, *(1.0 + arm.lift for arm in experiment.arms), 1.0])
        at_checkout = experiment.pages == (CHECKOUT_PAGE,)
        target = buys if at_checkout else arrives
        target *= factors[assigned[:, column]]
    left_after = 1 + rng.choice(len(ABANDONED), len(users), p=ABANDONED)
    steps = np.where(rng.random(len(users)) < buys, BUY - CHECKOUT + 1, left_after)
    return np.where(rng.random(len(users)) < arrives, steps, 0).astype(np.int64)


def page_keys(sessions: Sessions, experiments: Sequence[Experiment]) -> Integers:
    """Encode the experiments that each session would see on each kind of each page.

    Args:
        sessions: The sessions.
        experiments: The experiments, in the order of the digits.

    Returns:
        Shape (sessions, pages × kinds): the digits of the experiments there, as one number in mixed radix, last
        experiment first; `experiments_text` reads it back.
    """
    columns = []
    for page in PAGES:
        for kind in range(PAGE_KINDS):
            key = np.zeros(len(sessions.users), np.int64)
            for column in reversed(range(len(experiments))):
                if is_shown(experiments[column], page, kind):
                    key = key * (len(experiments[column].arms) + 2) + sessions.assigned[:, column]
            columns.append(key)
    return np.stack(columns, axis=1)


def is_shown(experiment: Experiment, page: str, kind: int) -> bool:
    """Check whether this kind of page shows an experiment."""
    return page in experiment.pages and kind < experiment.reach
