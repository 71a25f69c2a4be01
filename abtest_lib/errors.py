"""Every error that the suite raises on purpose.

A message is one line that gives the value, the place where it stood, and what was allowed there. The command
line prints it as it is; `InputError` and its kind exit with 2, everything else with 1.
"""


class AbtestError(Exception):
    """The root: whatever the suite raises on purpose is one of these."""

    exit_code = 1


class UsageError(AbtestError):
    """Something that the caller gave is wrong; the same call can never succeed."""

    exit_code = 2


class ConfigError(UsageError):
    """A setting is unknown, out of range, or contradicts the lake."""


class RegistryError(UsageError):
    """The experiment registry holds an unknown key or an impossible entry."""


class InputError(UsageError):
    """The input cannot be read as events."""


class MachineError(AbtestError):
    """The machine lacks something: a JDK, a package, a right on the storage."""


class LakeError(AbtestError):
    """The lake cannot be read or written, or holds what it never should."""


class LakeHeldError(LakeError):
    """Another pipeline is writing the lake."""


class ContractError(LakeError):
    """A frame or a table differs from its contract."""


class ConservationError(LakeError):
    """Rows read differ from rows accounted for: new + duplicates + quarantined."""


class StatisticsError(UsageError):
    """Numbers handed to a statistical function are impossible."""


def one_line(text: object, limit: int = 300) -> str:
    r"""Fold any text into one readable line.

    Args:
        text: What to fold; its `str` is used.
        limit: The most characters to keep; a longer text ends in an ellipsis.

    Returns:
        The text without line breaks and runs of blanks; what a terminal would obey, such as an escape, is written out.

    Examples:
        >>> one_line("a\n   b")
        'a b'
    """
    # A name that is not UTF-8 holds lone surrogates, which no terminal or log can be given.
    folded = " ".join(str(text).encode("utf-8", "backslashreplace").decode().split())
    if not folded.isprintable():
        folded = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in folded)
    return folded if len(folded) <= limit else folded[: limit - 1] + "…"
