"""Counts at hand: users and conversions of each arm, the control and the planned split, checked."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real

from abtest_lib.errors import StatisticsError, one_line

FEWEST_ARMS, MOST_ARMS = 2, 50
MOST_USERS = 10**10
"""More than there are people; far above it the quadrature of the posterior fails."""

_TOLERANCE = 1e-6
_LONGEST = 10_000
_FORM = "write NAME=CONVERSIONS/USERS for each arm, with commas between, such as A=50/1000,B=70/1000"

Split = Mapping[str, float] | Iterable[float]


@dataclass(frozen=True, slots=True)
class Counts:
    """The counts of an experiment.

    Attributes:
        arms: The arms, in the caller's order.
        users: Users of each arm.
        conversions: Users of each arm who converted.
        control: The arm that the others are compared with, as the caller gave it; None where nothing was given.
        split: Planned share of each arm, a proportion; None where no split was given.
    """

    arms: tuple[str, ...]
    users: tuple[int, ...]
    conversions: tuple[int, ...]
    control: str | None
    split: tuple[float, ...] | None

    @property
    def arms_with_users(self) -> tuple[str, ...]:
        """The arms that have users, in the caller's order."""
        return tuple(arm for arm, number in zip(self.arms, self.users, strict=True) if number)


def check_counts(
    counts: Mapping[str, tuple[int, int]], control: str | None = None, split: Split | None = None
) -> Counts:
    """Check counts at hand.

    Args:
        counts: Arm to (users, conversions).
        control: The control.
        split: Planned share of each arm: by arm, or in the order of the counts.

    Raises:
        StatisticsError: A number is impossible; the message names value, place and what is allowed.

    Examples:
        >>> check_counts({"A": (1000, 50), "B": (1000, 70)}, split=[0.5, 0.5]).split
        (0.5, 0.5)
    """
    if not isinstance(counts, Mapping):
        raise StatisticsError(
            f"counts is {one_line(repr(counts), 60)}: must be a mapping of arm to (users, conversions)"
        )
    if not FEWEST_ARMS <= len(counts) <= MOST_ARMS:
        number = "1 arm" if len(counts) == 1 else f"{len(counts)} arms"
        raise StatisticsError(f"counts of {number}: there must be {FEWEST_ARMS} to {MOST_ARMS}")
    pairs = [_pair(arm, value) for arm, value in counts.items()]
    arms = tuple(counts)
    if control is not None and control not in counts:
        raise StatisticsError(f"control {_quoted(control)} is no arm: the arms are {_listed(arms)}")
    users, conversions = zip(*pairs, strict=True)
    _check_users(dict(zip(arms, users, strict=True)), control)
    return Counts(arms, users, conversions, control, None if split is None else _shares(split, arms))


def parse_counts(text: str) -> dict[str, tuple[int, int]]:
    """Read counts as a person writes them; the last `=` splits an arm's name from its numbers.

    Args:
        text: Such as `A=50/1000,B=70/1000`: conversions over users.

    Returns:
        Arm to (users, conversions).

    Raises:
        StatisticsError: The text has another form, a number is not whole, or an arm occurs twice.

    Examples:
        >>> parse_counts("A=50/1000, B=70/1000")
        {'A': (1000, 50), 'B': (1000, 70)}
    """
    if len(text) > _LONGEST:
        raise StatisticsError(f"counts of {len(text):,} characters: at most {_LONGEST:,} are read")
    found: dict[str, tuple[int, int]] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, numbers = (piece.strip() for piece in part.rpartition("="))
        conversions, slash, users = (piece.strip() for piece in numbers.partition("/"))
        if not (equals and slash and name):
            raise StatisticsError(f"counts {_quoted(part)}: {_FORM}")
        if name in found:
            raise StatisticsError(f"arm {_quoted(name)} occurs twice in counts: each arm once")
        found[name] = _whole(users, name, "users"), _whole(conversions, name, "conversions")
    if not found:
        raise StatisticsError(f"counts '{one_line(text, 60)}': {_FORM}")
    return found


def parse_split(text: str) -> list[float]:
    """Read shares as a person writes them.

    Args:
        text: Such as `.5,.5`: in the order of the counts.

    Raises:
        StatisticsError: A share is no number.

    Examples:
        >>> parse_split(".5,.5")
        [0.5, 0.5]
    """
    shares = []
    for part in text.split(","):
        try:
            shares.append(float(part))
        except ValueError:
            raise StatisticsError(f"split: share {_quoted(part.strip())}: must be a number, such as .5") from None
    return shares


def _pair(arm: object, value: object) -> tuple[int, int]:
    if not isinstance(arm, str) or not arm.strip():
        raise StatisticsError(f"arm {one_line(repr(arm), 60)}: the name of an arm must be a text, such as 'A'")
    pair = tuple(value) if isinstance(value, Iterable) and not isinstance(value, str) else ()
    if len(pair) != 2:  # noqa: PLR2004  a pair
        raise StatisticsError(f"arm {_quoted(arm)} has {one_line(repr(value), 60)}: must be (users, conversions)")
    users, conversions = _count(pair[0], arm, "users"), _count(pair[1], arm, "conversions")
    if users > MOST_USERS:
        raise StatisticsError(f"arm {_quoted(arm)} has {users} users: at most {MOST_USERS:,} are allowed")
    if conversions > users:
        found = f"{conversions} conversions by {users} users"
        raise StatisticsError(f"arm {_quoted(arm)} has {found}: conversions must lie between 0 and users")
    return users, conversions


def _check_users(users: Mapping[str, int], control: str | None) -> None:
    some = [arm for arm, number in users.items() if number]
    if len(some) < FEWEST_ARMS:
        found = f"only arm {_quoted(some[0])} has users" if some else "no arm has users"
        raise StatisticsError(f"{found}: a comparison needs two arms with users")
    if control is not None and control not in some:
        raise StatisticsError(f"control {_quoted(control)} has 0 users: the control must have users")


def _count(number: object, arm: str, name: str) -> int:
    whole = -1
    if isinstance(number, Integral):
        whole = -1 if isinstance(number, bool) else int(number)
    elif isinstance(number, Real) and float(number).is_integer():
        whole = int(float(number))
    if whole < 0:
        shown = one_line(repr(number), 40)
        raise StatisticsError(f"arm {_quoted(arm)} has {shown} {name}: {name} must be a whole number from 0")
    return whole


def _whole(text: str, arm: str, name: str) -> int:
    digits = text.replace("_", "")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= len(str(MOST_USERS))):
        allowed = f"must be a whole number from 0 to {MOST_USERS:,}, written without separators"
        raise StatisticsError(f"arm {_quoted(arm)} has {_quoted(text)} {name}: {allowed}")
    return int(digits)


def _shares(split: Split, arms: tuple[str, ...]) -> tuple[float, ...]:
    if isinstance(split, Mapping):
        if set(split) != set(arms):
            raise StatisticsError(f"split of the arms {_listed(tuple(split))}: must name exactly {_listed(arms)}")
        split = [split[arm] for arm in arms]
    if isinstance(split, str) or not isinstance(split, Iterable):
        shown = one_line(repr(split), 40)
        raise StatisticsError(f"split is {shown}: must be shares by arm, or in the order of the counts")
    split = list(split)
    if len(split) != len(arms):
        raise StatisticsError(f"split of {len(split)} shares: there must be one for each of the {len(arms)} arms")
    shares = tuple(_share(share, arm) for arm, share in zip(arms, split, strict=True))
    total = math.fsum(shares)
    if abs(total - 1) > _TOLERANCE:
        raise StatisticsError(f"split: the shares sum to {total:.6g}: they must sum to 1")
    return tuple(share / total for share in shares)


def _share(share: object, arm: str) -> float:
    if not (isinstance(share, Real) and 0 < float(share) < 1):
        shown = one_line(repr(share), 40)
        raise StatisticsError(f"split: the share of arm {_quoted(arm)} is {shown}: must lie between 0 and 1")
    return float(share)


def _quoted(text: object) -> str:
    return f"'{one_line(text, 60)}'"


def _listed(names: Sequence[str]) -> str:
    return one_line(", ".join(map(str, names)), 200)
