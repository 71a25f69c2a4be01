"""Hints for a name that does not exist."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from abtest_lib.errors import one_line

_MOST_LISTED = 12


def hint(name: str, known: Iterable[str]) -> str:
    """Return the declared names that are most like a name, or else all of them.

    Args:
        name: A name that is not known.
        known: The known names.

    Returns:
        A phrase for the end of a message.

    Examples:
        >>> hint("prise", ["price", "device"])
        'the nearest: price'
        >>> hint("colour", ["price", "device"])
        'there are price, device'
    """
    names = list(known)
    lowered = {one.lower(): one for one in names}
    near = [lowered[one] for one in get_close_matches(name.lower(), lowered)]
    if near:
        return f"the nearest: {', '.join(near)}"
    listed = ", ".join(names[:_MOST_LISTED])
    more = f" and {len(names) - _MOST_LISTED} others" if len(names) > _MOST_LISTED else ""
    return one_line(f"there are {listed}{more}") if names else "there are none"


def suggest(unknown: str, names: Sequence[str]) -> str:
    """Return the names in the data that are most like an unknown one, as the end of a message."""
    close = get_close_matches(unknown, names, n=3, cutoff=0.4)
    if close:
        return f": did you mean {', '.join(one_line(name, 80) for name in close)}?"
    nearest = ", ".join(one_line(name, 80) for name in get_close_matches(unknown, names, n=3, cutoff=0.0))
    others = "1 other" if len(names) == 1 else f"{len(names):,} others"
    return f": it holds {others}; the nearest: {nearest}" if nearest else f": it holds {others}"
