"""Traffic of one size in two shapes: spread evenly, or piled on one experiment and one user."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv

_START = datetime(2021, 8, 1, tzinfo=UTC)
_DAY_MS = 86_400_000
_EVENTS, _SHARES = np.array(["SEARCH", "VIEW", "BUY"]), [0.60, 0.35, 0.05]


@dataclass(frozen=True)
class Shape:
    """How events are spread; every event carries two experiments, so that both shapes give equally many exposures.

    Attributes:
        name: What the results call it.
        events: Events in all.
        users: Users in all.
        experiments: Experiments in all, half of them in each of the two places of an event.
        days: Days in all.
        events_of_one_user: Events of user 0 beyond what its even share gives.
        share_of_one_experiment: The share of all events that experiment 0 is forced upon.
    """

    name: str
    events: int
    users: int
    experiments: int
    days: int
    events_of_one_user: int = 0
    share_of_one_experiment: float = 0.0


def write_traffic(shape: Shape, path: Path, seed: int = 20210801) -> None:
    """Write the events of a shape as CSV; the same shape and seed give the same file."""
    rng = np.random.default_rng(seed)
    count, half = shape.events, shape.experiments // 2
    users = rng.integers(0, shape.users, count)
    users[rng.permutation(count)[: shape.events_of_one_user]] = 0
    first = rng.integers(0, half, count)
    first[rng.random(count) < shape.share_of_one_experiment] = 0
    second = half + rng.integers(0, half, count)
    table = pa.table(
        {
            "event_name": rng.choice(_EVENTS, count, p=_SHARES),
            "item_id": rng.integers(1, 1_000_000, count).astype(str),
            "timestamp": _instants(rng.integers(0, shape.days * _DAY_MS, count)),
            "site": np.full(count, "MLA"),
            "experiments": _maps(users, first, second),
            "user_id": users.astype(str),
        }
    )
    csv.write_csv(table, path)


def _instants(offsets: np.ndarray) -> np.ndarray:
    start = np.datetime64(_START.replace(tzinfo=None), "ms")
    return np.char.add(np.datetime_as_string(start + offsets.astype("timedelta64[ms]")), "+0000")


def _maps(users: np.ndarray, first: np.ndarray, second: np.ndarray) -> list[str]:
    """A user always sees the same arm of an experiment: the parity of user and experiment."""
    arms = ("A", "B")
    return [
        f"{{scale/e{one}={arms[(user + one) % 2]}, scale/e{two}={arms[(user + two) % 2]}}}"
        for user, one, two in zip(users.tolist(), first.tolist(), second.tolist(), strict=True)
    ]
