"""Corrupted rows, one kind per validation rule, and unusual rows that are valid."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from abtest_lib.traffic.events import Rows

Row = dict[str, str | None]
LONG_FIELD = 100_001
INVALID_BYTE = "\udcff"
"""Represents the byte 0xFF, which no UTF-8 text contains; writers of bytes write the byte itself."""


@dataclass(frozen=True, slots=True)
class Corruption:
    """One kind of corruption.

    Attributes:
        name: Its name.
        rules: The validation rules that a corrupted row breaks; none when it stays valid.
        apply: Changes the row in place.
    """

    name: str
    rules: tuple[str, ...]
    apply: Callable[[Row], None]


@dataclass(slots=True)
class CorruptedRows:
    """The corrupted rows of a block, by row number.

    Attributes:
        careful: Rows whose fields may need quoting.
        extra: Fields too many (a positive number) or too few (a negative one).
        counts: How often each kind of corruption was used.
    """

    careful: set[int] = field(default_factory=set)
    extra: dict[int, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


def _put(**values: str | None) -> Callable[[Row], None]:
    def apply(row: Row) -> None:
        row.update(values)

    return apply


def _edit(name: str, change: Callable[[str], str | None]) -> Callable[[Row], None]:
    def apply(row: Row) -> None:
        row[name] = change(row[name] or "")

    return apply


def _date(text: str) -> str:
    return text[:10]


def _named(text: str, addition: str) -> str:
    return "{" + addition + ("" if text == "{}" else ", " + text[1:-1]) + "}"


_LONG = "x" * LONG_FIELD

_KINDS: tuple[Corruption, ...] = (
    Corruption("event_name_absent", ("event_name_missing",), _put(event_name=None)),
    Corruption("event_name_empty", ("event_name_missing",), _put(event_name="")),
    Corruption("event_name_blank", ("event_name_missing",), _put(event_name="   ")),
    Corruption("user_id_absent", ("user_id_missing",), _put(user_id=None)),
    Corruption("user_id_empty", ("user_id_missing",), _put(user_id="")),
    Corruption("user_id_blank", ("user_id_missing",), _put(user_id=" ")),
    Corruption("several_absent", ("event_name_missing", "user_id_missing"), _put(event_name=None, user_id=None)),
    Corruption("timestamp_absent", ("timestamp_missing",), _put(timestamp=None)),
    Corruption("timestamp_empty", ("timestamp_missing",), _put(timestamp="")),
    Corruption("without_offset", ("timestamp_malformed",), _edit("timestamp", lambda text: text[:-5])),
    Corruption("with_a_space", ("timestamp_malformed",), _edit("timestamp", lambda text: text.replace("T", " ")[:-5])),
    Corruption("date_only", ("timestamp_malformed",), _edit("timestamp", _date)),
    Corruption("garbage", ("timestamp_malformed",), _put(timestamp="yesterday at noon")),
    Corruption("epoch_milliseconds", ("timestamp_malformed",), _put(timestamp="1627858536299")),
    Corruption(
        "seven_digits", ("timestamp_malformed",), _edit("timestamp", lambda text: text[:-5] + "4567" + text[-5:])
    ),
    Corruption("no_such_day", ("timestamp_malformed",), _put(timestamp="2021-02-30T10:00:00.000-0400")),
    Corruption(
        "no_such_hour", ("timestamp_malformed",), _edit("timestamp", lambda text: _date(text) + "T25:00:00.000-0400")
    ),
    Corruption("in_1970", ("timestamp_out_of_range",), _put(timestamp="1970-01-01T00:00:00.000+0000")),
    Corruption("far_future", ("timestamp_out_of_range",), _put(timestamp="2999-12-31T23:59:59.999-0400")),
    Corruption("experiments_absent", ("experiments_missing",), _put(experiments=None)),
    Corruption("experiments_empty", ("experiments_missing",), _put(experiments="")),
    Corruption("unclosed", ("experiments_malformed",), _edit("experiments", lambda text: text[:-1])),
    Corruption("unopened", ("experiments_malformed",), _edit("experiments", lambda text: text[1:])),
    Corruption(
        "no_variant", ("experiments_malformed",), _edit("experiments", lambda text: _named(text, "lonely-name"))
    ),
    Corruption(
        "empty_variant", ("experiments_malformed",), _edit("experiments", lambda text: _named(text, "lonely-name="))
    ),
    Corruption("empty_name", ("experiments_malformed",), _edit("experiments", lambda text: _named(text, "=1"))),
    Corruption(
        "nested_braces", ("experiments_malformed",), _edit("experiments", lambda text: _named(text, "outer={inner=1}"))
    ),
    Corruption(
        "named_twice", ("experiment_named_twice",), _edit("experiments", lambda text: _named(text, "twice=1, twice=2"))
    ),
    Corruption(
        "named_twice_alike",
        ("experiment_named_twice",),
        _edit("experiments", lambda text: _named(text, "twice=1, twice=1")),
    ),
    Corruption("bad_encoding", ("bad_encoding",), _edit("user_id", lambda text: text + INVALID_BYTE)),
    Corruption("bad_encoding_of_item", ("bad_encoding",), _put(item_id="caf" + INVALID_BYTE)),
    Corruption("null_byte", ("null_byte",), _edit("user_id", lambda text: text + "\x00")),
    Corruption("valid_without_experiments", (), _put(experiments="{}")),
    Corruption("valid_offset_with_colon", (), _edit("timestamp", lambda text: text[:-2] + ":" + text[-2:])),
    Corruption("valid_zulu", (), _edit("timestamp", lambda text: text[:-5] + "Z")),
    Corruption("valid_microseconds", (), _edit("timestamp", lambda text: text[:-5] + "789" + text[-5:])),
    Corruption("valid_whole_seconds", (), _edit("timestamp", lambda text: text[:19] + text[-5:])),
    Corruption("valid_empty_item", (), _put(item_id="")),
    Corruption("valid_absent_site", (), _put(site=None)),
    Corruption("valid_quotes", (), _put(item_id='a "quoted", item\\')),
    Corruption("valid_unicode", (), _edit("experiments", lambda text: _named(text, "señal/größe|日本=Ä1"))),
    Corruption("valid_equals_in_name", (), _edit("experiments", lambda text: _named(text, "a=b/formula=7"))),
    Corruption("valid_user_of_any_text", (), _edit("user_id", lambda text: f"u-{text}@example.org é")),
)
_PRICE_KINDS: tuple[Corruption, ...] = (
    Corruption("price_of_words", ("price_malformed",), _put(price="twelve")),
    Corruption("price_with_currency", ("price_malformed",), _put(price="$12.50")),
    Corruption("price_with_comma", ("price_malformed",), _put(price="12,50")),
    Corruption("price_not_a_number", ("price_malformed",), _put(price="NaN")),
    Corruption("price_infinite", ("price_malformed",), _put(price="Infinity")),
    Corruption("price_too_large", ("price_malformed",), _put(price="1e300")),
    Corruption("valid_price_absent", (), _put(price=None)),
    Corruption("valid_price_negative", (), _put(price="-12.50")),
    Corruption("valid_price_with_exponent", (), _put(price="1.25e1")),
    Corruption("valid_device_absent", (), _put(device=None)),
    Corruption("valid_device_of_any_text", (), _put(device='a "smart", télé')),
)
_RARE = Corruption("very_long_field", ("field_too_long",), _put(item_id=_LONG))
_WIDTHS = {"too_few_columns": -2, "too_many_columns": 2}
_DUPLICATE = "exact_duplicate"

BROKEN_RULES: Mapping[str, tuple[str, ...]] = {
    **{kind.name: kind.rules for kind in (*_KINDS, _RARE)},
    **dict.fromkeys(_WIDTHS, ("malformed_row",)),
    _DUPLICATE: (),
}
"""Every kind of corruption of the six fields, and the validation rules that a row breaks with it."""
BROKEN_COLUMN_RULES: Mapping[str, tuple[str, ...]] = {kind.name: kind.rules for kind in _PRICE_KINDS}
"""The kinds that are added where events have a price and a device."""


def corrupt_rows(rng: np.random.Generator, rows: Rows, share: float, *, every_kind: bool) -> CorruptedRows:
    """Corrupt a share of a block's rows in place; duplicates are appended.

    Args:
        rng: The block's random numbers.
        rows: The rows.
        share: The share of rows to corrupt, from 0 to 1.
        every_kind: Use every kind once before kinds are drawn at random, however small the share. The very long field
            is used only then: drawn at random it would fill the disk.

    Returns:
        The corrupted rows, for the writers.
    """
    corrupted = CorruptedRows()
    if not share or not len(rows):
        return corrupted
    kinds_of_columns = () if rows.price is None else _PRICE_KINDS
    by_name = {kind.name: kind for kind in (*_KINDS, *kinds_of_columns, _RARE)}
    drawn = [kind.name for kind in (*_KINDS, *kinds_of_columns)] + list(_WIDTHS) + [_DUPLICATE] * 6
    guaranteed = [*BROKEN_RULES, *(kind.name for kind in kinds_of_columns)] if every_kind else []
    number = min(len(rows), max(rng.binomial(len(rows), share), len(guaranteed)))
    chosen = rng.choice(len(rows), number, replace=False).tolist()
    kinds = guaranteed + [drawn[index] for index in rng.integers(len(drawn), size=number).tolist()]
    for index, name in zip(chosen, kinds, strict=False):
        corrupted.counts[name] = corrupted.counts.get(name, 0) + 1
        if name == _DUPLICATE:
            _repeat(rows, index)
            continue
        corrupted.careful.add(index)
        if name in _WIDTHS:
            corrupted.extra[index] = _WIDTHS[name]
        else:
            _apply(by_name[name], rows, index)
    _repeat_some(rows, corrupted)
    return corrupted


def _repeat_some(rows: Rows, corrupted: CorruptedRows) -> None:
    """Repeat one corrupted row in twenty: a rejected row must not be rejected twice."""
    for index in sorted(corrupted.careful)[::20]:
        corrupted.careful.add(len(rows))
        if index in corrupted.extra:
            corrupted.extra[len(rows)] = corrupted.extra[index]
        _repeat(rows, index)


def _apply(kind: Corruption, rows: Rows, index: int) -> None:
    row = {name: getattr(rows, name)[index] for name in rows.names}
    kind.apply(row)
    for name in rows.names:
        getattr(rows, name)[index] = row[name]


def _repeat(rows: Rows, index: int) -> None:
    for name in rows.names:
        column = getattr(rows, name)
        column.append(column[index])
