"""Sessions of a day: users, assignments, and lengths."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from abtest_lib.traffic.catalog import PAGE_KINDS, PAGES, Experiment
from abtest_lib.traffic.devices import main_devices
from abtest_lib.traffic.hashing import Floats, Integers, stream_key, uniforms
from abtest_lib.traffic.rates import Regulars, activity_of, checkout_chances, further_visits, return_chance

EVENT_NAMES = ("SEARCH", "PRODUCT", "CHECKOUT_1", "CHECKOUT_2", "CHECKOUT_3", "BUY")
BUY = len(EVENT_NAMES) - 1
CHECKOUT = 2
"""The first event of the checkout; the page of event e is min(e, CHECKOUT)."""

ABANDONED = np.array([0.45, 0.3, 0.25])  # where the other checkouts end
LONGEST = 400  # browsing events in a session
FIRST_IS_SEARCH, LATER_IS_SEARCH = 0.85, 0.5  # the chance of a browsing event to be a search; otherwise a product page


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
        more_searches: How many of `browsing` an arm has added, all of them searches; None where no arm can.
    """

    users: Integers
    activity: Floats
    assigned: Integers
    browsing: Integers
    steps: Integers
    more_searches: Integers | None = None

    @cached_property
    def lengths(self) -> Integers:
        """The events of each session."""
        return self.browsing + self.steps


def draw_sessions(
    rng: np.random.Generator,
    seed: int,
    users: Integers,
    day: int,
    days: int,
    experiments: Sequence[Experiment],
    regulars: Regulars | None = None,
) -> Sessions:
    """Draw the sessions of a block of users on one day.

    Args:
        rng: The random numbers of this day and block.
        seed: The seed of all random numbers per user.
        users: The users' numbers.
        day: The day's number, from 0.
        days: The days of the whole traffic.
        experiments: The experiments.
        regulars: The users who come often; None for traffic without event columns, where lifts do not depend on
            devices and no arm adds searches.

    Returns:
        The sessions, in the order of the users.
    """
    activity = activity_of(seed, users, regulars)
    present = _present(seed, users, activity, day, first_days(seed, users, days, regulars))
    users, activity = users[present], activity[present]
    visits = 1 + rng.poisson(further_visits(activity))
    users, activity = np.repeat(users, visits), np.repeat(activity, visits)
    live = [day >= int(experiment.starts * days) for experiment in experiments]
    columns = [
        _assign(rng, seed, users, experiment) if is_live else np.zeros(len(users), np.int64)
        for experiment, is_live in zip(experiments, live, strict=True)
    ]
    assigned = np.stack(columns, axis=1) if columns else np.zeros((len(users), 0), np.int64)
    browsing = 1 + np.exp(1.0 + 0.9 * rng.standard_normal(len(users)) + 0.2 * np.log(activity)).astype(np.int64)
    devices = None if regulars is None else main_devices(seed, users)
    steps = _checkout(rng, *checkout_chances(seed, users, assigned, experiments, regulars, devices))
    browsing = np.minimum(browsing, LONGEST)
    if regulars is None:
        return Sessions(users, activity, assigned, browsing, steps)
    more = _more_searches(rng, browsing, assigned, experiments)
    return Sessions(users, activity, assigned, browsing + more, steps, more)


def first_days(seed: int, users: Integers, days: int, regulars: Regulars | None) -> Integers:
    """Return the number of the first day of each user; regulars come from the first day on."""
    first = (days * uniforms(stream_key(seed, "first day"), users) ** 1.3).astype(np.int64)
    return first if regulars is None else np.where(regulars.among(seed, users), 0, first)


def _present(
    seed: int, users: Integers, activity: Floats, day: int, first_day: Integers
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    returns = uniforms(stream_key(seed, "return", day), users) < return_chance(activity)
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


def _checkout(rng: np.random.Generator, arrives: Floats, buys: Floats) -> Integers:
    """Draw how many steps of the checkout each session takes."""
    left_after = 1 + rng.choice(len(ABANDONED), len(buys), p=ABANDONED)
    steps = np.where(rng.random(len(buys)) < buys, BUY - CHECKOUT + 1, left_after)
    return np.where(rng.random(len(buys)) < arrives, steps, 0).astype(np.int64)


def _more_searches(
    rng: np.random.Generator, browsing: Integers, assigned: Integers, experiments: Sequence[Experiment]
) -> Integers:
    """Draw the searches that arms add, so that their mean is exactly the arm's share of a session's mean."""
    factor = np.ones(len(browsing))
    for column, experiment in enumerate(experiments):
        if any(arm.searches for arm in experiment.arms):
            factor *= np.array([1.0, *(1.0 + arm.searches for arm in experiment.arms), 1.0])[assigned[:, column]]
    usual = FIRST_IS_SEARCH + LATER_IS_SEARCH * (browsing - 1)
    return np.floor((factor - 1.0) * usual + rng.random(len(browsing))).astype(np.int64)


def amount_factors(sessions: Sessions, experiments: Sequence[Experiment]) -> Floats:
    """Return what the arms of each session change the amount of its purchase by, a ratio."""
    factor = np.ones(len(sessions.users))
    for column, experiment in enumerate(experiments):
        if any(arm.amount for arm in experiment.arms):
            factors = np.array([1.0, *(1.0 + arm.amount for arm in experiment.arms), 1.0])
            factor *= factors[sessions.assigned[:, column]]
    return factor


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
