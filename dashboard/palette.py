"""How arms are told apart: Okabe and Ito's colours, and beside them dashes and symbols, for any kind of sight."""

from dataclasses import dataclass

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_DASHES = ("solid", "dash", "dashdot", "longdash", "longdashdot", "dot")
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star")
GREY = "#7F7F7F"


@dataclass(frozen=True, slots=True)
class Look:
    """How one arm is drawn.

    Attributes:
        colour: As #RRGGBB.
        dash: A line's dash, in Plotly's words.
        symbol: A marker's symbol, in Plotly's words.
    """

    colour: str
    dash: str
    symbol: str

    def shade(self, opacity: float) -> str:
        """The colour with an opacity, for bands.

        Examples:
            >>> look(0).shade(0.2)
            'rgba(0,114,178,0.2)'
        """
        red, green, blue = (int(self.colour[start : start + 2], 16) for start in (1, 3, 5))
        return f"rgba({red},{green},{blue},{opacity})"


def look(place: int) -> Look:
    """The look of the arm at a place; beyond the sixth, colours come again with other dashes."""
    turn = place // len(_COLOURS)
    return Look(
        _COLOURS[place % len(_COLOURS)],
        _DASHES[(place + turn) % len(_DASHES)],
        _SYMBOLS[(place + turn) % len(_SYMBOLS)],
    )
