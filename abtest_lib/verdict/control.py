"""The choice of the control."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from abtest_lib.registry import Experiment


class ControlSource(StrEnum):
    """Where the control comes from."""

    REGISTERED = "registered"
    NAMED = "named"
    ASSUMED = "assumed"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class ControlChoice:
    """The control of an experiment.

    Attributes:
        variant_id: The control; None when there is none.
        source: Where it comes from; an assumed one gives a warning, a missing one invalidates.
    """

    variant_id: str | None
    source: ControlSource


def arm_order(variant_id: str) -> tuple[bool, int, str, str]:
    """Return a sort key that puts numbers before texts, and orders numbers by value.

    Examples:
        >>> sorted(["B", "10", "9", "A"], key=arm_order)
        ['9', '10', 'A', 'B']
    """
    is_number = variant_id.isascii() and variant_id.isdigit()
    digits = variant_id.lstrip("0") if is_number else ""
    return (not is_number, len(digits), digits, variant_id)


def choose_control(arms: Collection[str], registered: str | None, control_names: Iterable[str] = ()) -> ControlChoice:
    """Choose the control among the arms of one experiment.

    Args:
        arms: The arms that have users, without fallback variants.
        registered: The registry's control; it is never replaced, even when it has no users.
        control_names: Variants that are a control wherever they appear, the first one first.

    Returns:
        The registry's control (missing when it has no users); else the first of `control_names` among the arms; else
        the lowest id, which is a guess.

    Examples:
        >>> choose_control(["10", "9"], None).variant_id
        '9'
        >>> choose_control(["A", "control"], None, ["control"]).source
        <ControlSource.NAMED: 'named'>
        >>> choose_control(["A", "B"], "C")
        ControlChoice(variant_id=None, source=<ControlSource.MISSING: 'missing'>)
    """
    if registered is not None:
        return ControlChoice(registered, ControlSource.REGISTERED) if registered in arms else _MISSING
    for name in control_names:
        if name in arms:
            return ControlChoice(name, ControlSource.NAMED)
    return ControlChoice(min(arms, key=arm_order), ControlSource.ASSUMED) if arms else _MISSING


def fix_control(
    arms_by_day: Iterable[Collection[str]], registered: str | None, control_names: Iterable[str] = ()
) -> ControlChoice:
    """Choose the control once for a whole experiment, so that no later arm replaces it.

    Args:
        arms_by_day: The arms seen so far, day by day in order, without fallback variants; every day contains the
            arms of the day before.
        registered: As in `choose_control`.
        control_names: As in `choose_control`.

    Returns:
        The choice among the arms of the first day that has two; of the last day while there are never two. A
        registered control counts as soon as any day has it.

    Examples:
        >>> fix_control([["B"], ["B", "C"], ["A", "B", "C"]], None).variant_id
        'B'
    """
    seen: Collection[str] = ()
    names = tuple(control_names)
    for arms in arms_by_day:
        if len(seen) < 2 or (registered is not None and registered not in seen):  # noqa: PLR2004  a comparison needs two
            seen = arms
    return choose_control(seen, registered, names)


def declared_first(arms: Sequence[str], item: Experiment | None) -> Sequence[str]:
    """Remove arms to which the registry never gives a share, unless none of the arms has one.

    Args:
        arms: The arms that have users.
        item: What the registry declares; None where it says nothing.
    """
    if item is None or not item.allocations:
        return arms
    declared = {arm for split in item.allocations for arm, share in split.entries if share > 0}
    return [arm for arm in arms if arm in declared] or arms


_MISSING = ControlChoice(None, ControlSource.MISSING)
