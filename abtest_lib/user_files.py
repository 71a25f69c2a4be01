"""Read a small file that a person has named: settings, a registry, a list of ids."""

import os
import stat
from pathlib import Path

from abtest_lib.errors import UsageError, one_line

LARGEST = 64 * 2**20
"""In bytes. A registry of ten thousand experiments takes three million."""


def check_utf8(text: str, what: str, error: type[UsageError] = UsageError) -> None:
    r"""Raise if a text has bytes that are not UTF-8: neither the JVM nor an object store accepts it.

    Args:
        text: The text of a person; Python keeps such bytes as lone surrogates.
        what: The name of the text in the message, e.g. `the lake`.
        error: The class of the error.

    Raises:
        UsageError: The text is not UTF-8.

    Examples:
        >>> check_utf8("lake-\udcff", "the lake")
        Traceback (most recent call last):
        abtest_lib.errors.UsageError: the lake lake-\udcff: its name must be UTF-8
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise error(f"{what} {one_line(text)}: its name must be UTF-8") from None


def read_user_file(path: Path, what: str, error: type[UsageError] = UsageError, largest: int = LARGEST) -> str:
    """Read a text file; refuse files that block or have no end.

    Args:
        path: The file.
        what: Its contents, for the message, e.g. `the settings`.
        error: The class of the error.
        largest: The largest size in bytes.

    Returns:
        Its text, without a byte-order mark.

    Raises:
        UsageError: The file is absent, not a regular file, too large, or not UTF-8.
    """
    check_utf8(str(path), f"the file with {what},", error)
    try:
        # Without O_NONBLOCK, opening a FIFO waits for a writer.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:  # noqa: PTH123  of a file descriptor
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise error(f"cannot read {what} in {path}: it is not a regular file")
            content = file.read(largest + 1)
    except (OSError, ValueError) as problem:
        raise error(f"cannot read {what} in {path}: {_reason(problem)}") from None
    if len(content) > largest:
        raise error(f"cannot read {what} in {path}: it holds more than {largest:,} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = content[: problem.start].count(b"\n") + 1
        raise error(f"cannot read {what} in {path}: line {line} is not UTF-8") from None


def _reason(problem: OSError | ValueError) -> str:
    return one_line((isinstance(problem, OSError) and problem.strerror) or problem)
