"""The style of each arm: the colours of Okabe and Ito, plus dashes and symbols for people who cannot see colours."""

from dataclasses import dataclass

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_DASHES = ("solid", "dash", "dashdot", "longdash", "longdashdot", "dot")
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star")
GREY = "#7F7F7F"


@dataclass(frozen=True, slots=True)
class ArmStyle:
    """How one arm is drawn.

    Attributes:
        colour: As #RRGGBB.
        dash: The dash of a line, by its Plotly name.
        symbol: The symbol of a marker, by its Plotly name.
    """

    colour: str
    dash: str
    symbol: str

    def shade(self, opacity: float) -> str:
        """Return the colour with an opacity, for bands.

        Examples:
            >>> arm_style(0).shade(0.2)
            'rgba(0,114,178,0.2)'
        """
        red, green, blue = (int(self.colour[start : start + 2], 16) for start in (1, 3, 5))
        return f"rgba({red},{green},{blue},{opacity})"


def arm_style(index: int) -> ArmStyle:
    """Return the style of the arm at an index; from the seventh arm on, colours repeat with other dashes."""
    shift = index // len(_COLOURS)
    return ArmStyle(
        _COLOURS[index % len(_COLOURS)],
        _DASHES[(index + shift) % len(_DASHES)],
        _SYMBOLS[(index + shift) % len(_SYMBOLS)],
    )
