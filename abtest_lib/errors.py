"""The errors that the suite raises on purpose.

A message is one line with the value, its place, and what is allowed there. The command line prints it unchanged; a
`UsageError` exits with 2, any other with 1.
"""


class AbtestError(Exception):
    """The root of all errors that the suite raises on purpose."""

    exit_code = 1


class UsageError(AbtestError):
    """An argument is wrong; the same call can never succeed."""

    exit_code = 2


class ConfigError(UsageError):
    """A setting is unknown, out of range, or contradicts the lake."""


class RegistryError(UsageError):
    """The experiment registry has an unknown key or an impossible entry."""


class MetricError(UsageError):
    """The metric catalogue has an unknown key or an impossible entry."""


class InputError(UsageError):
    """The input cannot be read as events."""


class MachineError(AbtestError):
    """The machine lacks something: a JDK, a package, a permission on the storage."""


class LakeError(AbtestError):
    """The lake cannot be read or written, or has impossible contents."""


class LakeHeldError(LakeError):
    """Another pipeline is writing the lake."""


class ContractError(LakeError):
    """A frame or a table differs from its contract."""


class ConservationError(LakeError):
    """The rows read are not the sum of new, duplicate and quarantined rows."""


class StatisticsError(UsageError):
    """A statistical function got impossible numbers."""


def one_line(text: object, limit: int = 300) -> str:
    r"""Return any text as one readable line.

    Args:
        text: The text, or an object whose `str` is used.
        limit: The largest number of characters; a longer text ends in an ellipsis.

    Returns:
        The text without line breaks and repeated blanks; control characters are written as escapes.

    Examples:
        >>> one_line("a\n   b")
        'a b'
    """
    # A name that is not UTF-8 has lone surrogates, which terminals and logs cannot write.
    folded = " ".join(str(text).encode("utf-8", "backslashreplace").decode().split())
    if not folded.isprintable():
        folded = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in folded)
    return folded if len(folded) <= limit else folded[: limit - 1] + "…"
