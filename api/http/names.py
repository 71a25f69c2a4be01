"""Names of experiments in addresses: how a client may write them, and how they are resolved."""

import re
from collections.abc import Container, Iterable, Mapping
from hashlib import blake2b
from typing import overload

ENCODED_SLASH = "\udc2f"
"""Replaces `%2F` inside a path: a lone surrogate, which decoded UTF-8 text never contains."""

_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,14}", re.ASCII)


def bar_form(name: str) -> str:
    """Return a name with each `/` written as `|`; two spellings of a name have the same bar form.

    Examples:
        >>> bar_form("search/map|list-view")
        'search|map|list-view'
    """
    return name.replace("/", "|")


def by_bar_form(names: Iterable[str]) -> dict[str, str | None]:
    """Map each bar form to its name; to None if several names share it. Names without `/` and `|` are left out.

    Examples:
        >>> by_bar_form(["plain", "a/b", "c/d|e", "c|d/e"])
        {'a|b': 'a/b', 'c|d|e': None}
    """
    found: dict[str, str | None] = {}
    for name in names:
        form = bar_form(name)
        if "|" in form:
            found[form] = None if form in found else name
    return found


def resolve(written: str, known: Container[str], forms: Mapping[str, str | None]) -> str | None:
    r"""Return the name that a client means, or None.

    The exact name comes first, then the only name with the same bar form, then the name with each `|` as `\`.

    Args:
        written: The name that the client wrote.
        known: All names.
        forms: The result of `by_bar_form`.

    Examples:
        >>> names = ["a/b|c", "d\\e"]
        >>> [resolve(written, names, by_bar_form(names)) for written in ("a|b|c", "d|e", "f")]
        ['a/b|c', 'd\\e', None]
    """
    if written in known:
        return written
    form = bar_form(written)
    if form in forms:
        return forms[form]
    backslashed = written.replace("|", "\\")
    return backslashed if backslashed in known else None


def as_written(path_part: str) -> str:
    """Return a name from a path, with its encoded slashes as `/`."""
    return path_part.replace(ENCODED_SLASH, "/")


@overload
def public_id(variant: str) -> int | str: ...
@overload
def public_id(variant: None) -> None: ...
def public_id(variant: str | None) -> int | str | None:
    """Return a variant's id for clients: an integer if it is a plain number of up to 15 digits, else the text.

    Examples:
        >>> public_id("4915"), public_id("DEFAULT"), public_id("007")
        (4915, 'DEFAULT', '007')
    """
    if variant is None or not _NUMBER.fullmatch(variant):
        return variant
    return int(variant)


def natural_order(variant: str) -> tuple[bool, int, str]:
    """Return a sort key that puts numbers first, in numeric order.

    Examples:
        >>> sorted(["B", "10", "9"], key=natural_order)
        ['9', '10', 'B']
    """
    number = _NUMBER.fullmatch(variant)
    return (number is None, int(variant) if number else 0, variant)


def name_hash(name: str) -> int:
    """Return a 64-bit hash of a name; it is the same in every process."""
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")
