"""The scale on which the lifts of a table are drawn."""

from collections.abc import Sequence
from math import ceil

from abtest_lib import answers

_SCALES = (0.1, 0.2, 0.5, 1.0)
"""The possible ends of the scale."""


def lift_reach(lifts: Sequence[answers.Lift | None]) -> float:
    """Return the end of the scale: nine of ten intervals fit, the others are cut.

    Examples:
        >>> lift_reach([{"median": 0.1, "lower": -0.05, "upper": 0.3}, None])
        0.5
    """
    ends = sorted(max(abs(lift["lower"] or 0.0), abs(lift["upper"] or 0.0)) for lift in lifts if lift)
    wanted = ends[ceil(0.9 * len(ends)) - 1] if ends else _SCALES[0]
    return next((scale for scale in _SCALES if wanted <= scale), _SCALES[-1])
