"""The amounts of purchases: log-normal over users and over a user's purchases."""

import numpy as np

from abtest_lib.traffic.hashing import Floats, Integers, normals, stream_key

TYPICAL = 40.0
"""The median amount, in the shop's currency."""
USER_SD, ITEM_SD = 0.4, 0.5
"""Standard deviations of the logarithm of an amount: over users, and over the purchases of one user."""


def draw_amounts(rng: np.random.Generator, seed: int, users: Integers, factors: Floats) -> list[str]:
    """Draw the amounts of purchases, with two decimals.

    Args:
        rng: The random numbers of this day and block.
        seed: The seed of all random numbers per user.
        users: The user of each purchase.
        factors: What the arms of its session change the amount by, a ratio.
    """
    level = USER_SD * normals(stream_key(seed, "amount"), users) + ITEM_SD * rng.standard_normal(len(users))
    return [f"{amount:.2f}" for amount in np.maximum(0.01, TYPICAL * factors * np.exp(level)).tolist()]
