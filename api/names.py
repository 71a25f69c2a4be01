"""Names in addresses: what a client may write for an experiment, and what it means."""

import re
from collections.abc import Container, Iterator
from hashlib import blake2b

ENCODED_SLASH = "\udc2f"
"""Stands for `%2F` inside a path: a lone surrogate, which no decoded UTF-8 text can hold, so it is never ambiguous."""

_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,14}", re.ASCII)


def candidates(written: str) -> Iterator[str]:
    r"""The names that a client may mean, the exact one first, then `|` as `/`, then as `\`.

    Examples:
        >>> list(candidates("search|ranking"))
        ['search|ranking', 'search/ranking', 'search\\ranking']
    """
    yield written
    if "|" in written:
        yield written.replace("|", "/")
        yield written.replace("|", "\\")


def resolve(written: str, known: Container[str]) -> str | None:
    """The first candidate that is known, or None.

    Examples:
        >>> resolve("a|b", {"a/b"})
        'a/b'
    """
    return next((name for name in candidates(written) if name in known), None)


def as_written(path_part: str) -> str:
    """A name from a path, with encoded slashes put back."""
    return path_part.replace(ENCODED_SLASH, "/")


def public_id(variant: str | None) -> int | str | None:
    """A variant's id as clients get it: an integer where it is a plain number of up to 15 digits, else the text.

    Examples:
        >>> public_id("4915"), public_id("DEFAULT"), public_id("007")
        (4915, 'DEFAULT', '007')
    """
    if variant is None or not _NUMBER.fullmatch(variant):
        return variant
    return int(variant)


def natural_order(variant: str) -> tuple[bool, int, str]:
    """A sort key that puts numbers first, as numbers.

    Examples:
        >>> sorted(["B", "10", "9"], key=natural_order)
        ['9', '10', 'B']
    """
    number = _NUMBER.fullmatch(variant)
    return (number is None, int(variant) if number else 0, variant)


def name_hash(name: str) -> int:
    """A 64-bit hash of a name that is the same in every process."""
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")
