"""People who must be forgotten: recognized by a salted hash, because their ids may not be kept."""

from collections.abc import Collection
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

_BETWEEN_WORDS = (r"[^\p{L}\p{N}]+", r"[^\p{L}\p{N}_.@:+-]+", r"[ \t\n\x0B\f\r\"',;:|{}\[\]]+")
"""Separators between ids in a line that could not be split into fields; an id may contain punctuation itself."""

_SIGNS_OF_PATTERNS = r"\.[](){}*+?^$|#&~-"
"""Characters to escape in a regular expression; the backslash comes first, because it escapes the others."""

_START_OR_EDGE, _EDGE_OR_END = r"(^|[^\p{L}\p{N}])", r"([^\p{L}\p{N}]|\z)"

_AT_THE_EDGE = r"^[_.@:+-]+|[_.@:+-]+$"


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Who was forgotten.

    Attributes:
        salt: A random text, one for each lake.
        hashes: `user_hash` of everyone forgotten.
    """

    salt: str
    hashes: Collection[str]


def user_hash(user_id: Column, salt: str) -> Column:
    """Return SHA-256 of the salt and an id, in hexadecimal."""
    return F.sha2(F.concat(F.lit(salt), user_id), 256)


def mark_forgotten(rows: DataFrame, forgotten: Forgotten | None) -> DataFrame:
    """Add `is_forgotten`: the row is of someone forgotten, or a line that did not split and names one of them.

    Args:
        rows: Rows with user_id and raw_record.
        forgotten: Who was forgotten; None if nobody was.
    """
    if forgotten is None:
        return rows.withColumn("is_forgotten", F.lit(False))
    hashes, salt = sorted(forgotten.hashes), forgotten.salt
    is_theirs = F.coalesce(user_hash(F.col("user_id"), salt).isin(hashes), F.lit(False))
    known = F.array(*(F.lit(item) for item in hashes))
    found = [F.split("raw_record", between) for between in _BETWEEN_WORDS]
    inner = [F.transform(words, lambda word: F.regexp_replace(word, _AT_THE_EDGE, "")) for words in found[1:]]
    hashed = F.transform(F.array_distinct(F.concat(*found, *inner)), lambda word: user_hash(word, salt))
    names_one = F.coalesce(F.arrays_overlap(hashed, known), F.lit(False))
    return rows.withColumn("is_forgotten", is_theirs | names_one)


def names_user(line: str, user_id: str) -> Column:
    """Return whether a line that could not be split names a user: it contains the id as a whole word."""
    literal = F.col(user_id)
    for sign in _SIGNS_OF_PATTERNS:
        literal = F.replace(literal, F.lit(sign), F.lit(f"\\{sign}"))
    named = F.regexp_like(line, F.concat(F.lit(_START_OR_EDGE), literal, F.lit(_EDGE_OR_END)))
    return F.coalesce(named, F.lit(False))
