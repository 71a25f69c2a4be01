"""Random numbers per user: the same user always gets the same numbers."""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
_ROUNDS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
_STEP = 0x9E3779B97F4A7C15


def stream_key(seed: int, *names: object) -> int:
    """Return a 64-bit number for a named stream of random numbers.

    Examples:
        >>> stream_key(1, "arm") == stream_key(1, "arm") != stream_key(2, "arm")
        True
    """
    text = "\x1f".join(map(str, (seed, *names)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def uniforms(key: int, users: NDArray[Any]) -> Floats:
    """Draw one uniform number in [0, 1) per user.

    SplitMix64 (Steele, Lea and Flood, 2014) of the user's number in the stream, so that nothing about users has to
    be kept in memory between days.

    Args:
        key: The stream's key.
        users: The users' numbers, any shape.

    Returns:
        Uniform numbers of the same shape.

    Examples:
        >>> users = np.arange(100_000)
        >>> bool(abs(uniforms(stream_key(1, "arm"), users).mean() - 0.5) < 0.01)
        True
    """
    state = users.astype(np.uint64) * np.uint64(_STEP) + np.uint64(key)
    for shift, factor in _ROUNDS:
        state = (state ^ (state >> np.uint64(shift))) * np.uint64(factor)
    state ^= state >> np.uint64(31)
    return (state >> np.uint64(11)).astype(np.float64) * 2.0**-53


def normals(key: int, users: NDArray[Any]) -> Floats:
    """Draw one standard normal number per user, by Box and Muller's transformation."""
    radius = np.sqrt(-2.0 * np.log1p(-uniforms(key, users)))
    angle: Floats = 2.0 * np.pi * uniforms(key ^ 0x5DEECE66D, users)
    return radius * np.cos(angle)
