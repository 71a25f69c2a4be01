"""Names in addresses: what a client may write for an experiment, and what it means."""

import re
from collections.abc import Container, Iterable, Mapping
from hashlib import blake2b
from typing import overload

ENCODED_SLASH = "\udc2f"
"""Stands for `%2F` inside a path: a lone surrogate, which no decoded UTF-8 text can hold, so it is never ambiguous."""

_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,14}", re.ASCII)


def bar_form(name: str) -> str:
    """A name with each `/` written `|`: what two spellings of a name share.

    Examples:
        >>> bar_form("search/map|list-view")
        'search|map|list-view'
    """
    return name.replace("/", "|")


def by_bar_form(names: Iterable[str]) -> dict[str, str | None]:
    """The name behind each bar form; None where several names share it, and nothing for names without `/` and `|`.

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
    r"""The name that a client means, or None: the exact one, then the only one of its bar form, then `|` as `\`.

    Args:
        written: What the client wrote.
        known: Every name.
        forms: The names by their bar form, as `by_bar_form` gives them.

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
    """A name from a path, with encoded slashes put back."""
    return path_part.replace(ENCODED_SLASH, "/")


@overload
def public_id(variant: str) -> int | str: ...
@overload
def public_id(variant: None) -> None: ...
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
