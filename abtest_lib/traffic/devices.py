"""The device of each user: the same on most days."""

import numpy as np

from abtest_lib.traffic.hashing import Integers, stream_key, uniforms

DEVICES = ("android", "ios", "web")
DEVICE_SHARES = (0.45, 0.25, 0.3)
BORROWED = 0.03
"""The share of a user's days that the user spends on another device."""


def main_devices(seed: int, users: Integers) -> Integers:
    """Return the main device of each user, as a position in `DEVICES`."""
    bounds = np.cumsum(DEVICE_SHARES)[:-1]
    return np.searchsorted(bounds, uniforms(stream_key(seed, "device"), users), side="right").astype(np.int64)


def devices_on(seed: int, users: Integers, day: int) -> Integers:
    """Return the device of each user on one day, as a position in `DEVICES`."""
    place = uniforms(stream_key(seed, "borrowed device", day), users)
    shift = np.where(place < BORROWED, 1 + (place < BORROWED / 2), 0)
    return (main_devices(seed, users) + shift) % len(DEVICES)


def main_given_seen(seen: int) -> tuple[float, ...]:
    """Return how likely each main device is, given the device that a user is seen with.

    Examples:
        >>> [round(chance, 3) for chance in main_given_seen(0)]
        [0.981, 0.008, 0.01]
    """
    other = BORROWED / (len(DEVICES) - 1)
    joint = [share * (1 - BORROWED if device == seen else other) for device, share in enumerate(DEVICE_SHARES)]
    return tuple(chance / sum(joint) for chance in joint)
