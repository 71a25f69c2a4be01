"""Every kind of dirt that the rules know, and valid rows of unusual looks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from abtest_lib.traffic.events import Rows

Row = dict[str, str | None]
FIELDS = ("event_name", "item_id", "timestamp", "site", "experiments", "user_id")
LONG_FIELD = 100_001
INVALID_BYTE = "\udcff"
"""Stands for the byte 0xFF, which no UTF-8 text holds; writers of bytes put the byte itself."""


@dataclass(frozen=True, slots=True)
class Dirt:
    """One way to spoil a row.

    Attributes:
        name: Its name.
        rules: The rules that a spoilt row breaks; none when it stays valid.
        spoil: Changes the row in place.
    """

    name: str
    rules: tuple[str, ...]
    spoil: Callable[[Row], None]


@dataclass(slots=True)
class Spoilt:
    """What a block's dirt did, by the row's number.

    Attributes:
        careful: Rows whose fields may need quoting.
        extra: Fields too many (a positive number) or too few (a negative one).
        counts: How often each kind of dirt was used.
    """

    careful: set[int] = field(default_factory=set)
    extra: dict[int, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


def _put(**values: str | None) -> Callable[[Row], None]:
    def spoil(row: Row) -> None:
        row.update(values)

    return spoil


def _edit(name: str, change: Callable[[str], str | None]) -> Callable[[Row], None]:
    def spoil(row: Row) -> None:
        row[name] = change(row[name] or "")

    return spoil


def _date(text: str) -> str:
    return text[:10]


def _named(text: str, addition: str) -> str:
    return "{" + addition + ("" if text == "{}" else ", " + text[1:-1]) + "}"


_LONG = "x" * LONG_FIELD

_KINDS: tuple[Dirt, ...] = (
    Dirt("event_name_absent", ("event_name_missing",), _put(event_name=None)),
    Dirt("event_name_empty", ("event_name_missing",), _put(event_name="")),
    Dirt("event_name_blank", ("event_name_missing",), _put(event_name="   ")),
    Dirt("user_id_absent", ("user_id_missing",), _put(user_id=None)),
    Dirt("user_id_empty", ("user_id_missing",), _put(user_id="")),
    Dirt("user_id_blank", ("user_id_missing",), _put(user_id=" ")),
    Dirt("several_absent", ("event_name_missing", "user_id_missing"), _put(event_name=None, user_id=None)),
    Dirt("timestamp_absent", ("timestamp_missing",), _put(timestamp=None)),
    Dirt("timestamp_empty", ("timestamp_missing",), _put(timestamp="")),
    Dirt("without_offset", ("timestamp_malformed",), _edit("timestamp", lambda text: text[:-5])),
    Dirt("with_a_space", ("timestamp_malformed",), _edit("timestamp", lambda text: text.replace("T", " ")[:-5])),
    Dirt("date_only", ("timestamp_malformed",), _edit("timestamp", _date)),
    Dirt("garbage", ("timestamp_malformed",), _put(timestamp="yesterday at noon")),
    Dirt("epoch_milliseconds", ("timestamp_malformed",), _put(timestamp="1627858536299")),
    Dirt("seven_digits", ("timestamp_malformed",), _edit("timestamp", lambda text: text[:-5] + "4567" + text[-5:])),
    Dirt("no_such_day", ("timestamp_malformed",), _put(timestamp="2021-02-30T10:00:00.000-0400")),
    Dirt("no_such_hour", ("timestamp_malformed",), _edit("timestamp", lambda text: _date(text) + "T25:00:00.000-0400")),
    Dirt("in_1970", ("timestamp_out_of_range",), _put(timestamp="1970-01-01T00:00:00.000+0000")),
    Dirt("far_future", ("timestamp_out_of_range",), _put(timestamp="2999-12-31T23:59:59.999-0400")),
    Dirt("experiments_absent", ("experiments_missing",), _put(experiments=None)),
    Dirt("experiments_empty", ("experiments_missing",), _put(experiments="")),
    Dirt("unclosed", ("experiments_malformed",), _edit("experiments", lambda text: text[:-1])),
    Dirt("unopened", ("experiments_malformed",), _edit("experiments", lambda text: text[1:])),
    Dirt("no_variant", ("experiments_malformed",), _edit("experiments", lambda text: _named(text, "lonely-name"))),
    Dirt("empty_variant", ("experiments_malformed",), _edit("experiments", lambda text: _named(text, "lonely-name="))),
    Dirt("empty_name", ("experiments_malformed",), _edit("experiments", lambda text: _named(text, "=1"))),
    Dirt(
        "nested_braces", ("experiments_malformed",), _edit("experiments", lambda text: _named(text, "outer={inner=1}"))
    ),
    Dirt(
        "named_twice", ("experiment_named_twice",), _edit("experiments", lambda text: _named(text, "twice=1, twice=2"))
    ),
    Dirt(
        "named_twice_alike",
        ("experiment_named_twice",),
        _edit("experiments", lambda text: _named(text, "twice=1, twice=1")),
    ),
    Dirt("bad_encoding", ("bad_encoding",), _edit("user_id", lambda text: text + INVALID_BYTE)),
    Dirt("bad_encoding_of_item", ("bad_encoding",), _put(item_id="caf" + INVALID_BYTE)),
    Dirt("null_byte", ("null_byte",), _edit("user_id", lambda text: text + "\x00")),
    Dirt("valid_without_experiments", (), _put(experiments="{}")),
    Dirt("valid_offset_with_colon", (), _edit("timestamp", lambda text: text[:-2] + ":" + text[-2:])),
    Dirt("valid_zulu", (), _edit("timestamp", lambda text: text[:-5] + "Z")),
    Dirt("valid_microseconds", (), _edit("timestamp", lambda text: text[:-5] + "789" + text[-5:])),
    Dirt("valid_whole_seconds", (), _edit("timestamp", lambda text: text[:19] + text[-5:])),
    Dirt("valid_empty_item", (), _put(item_id="")),
    Dirt("valid_absent_site", (), _put(site=None)),
    Dirt("valid_quotes", (), _put(item_id='a "quoted", item\\')),
    Dirt("valid_unicode", (), _edit("experiments", lambda text: _named(text, "señal/größe|日本=Ä1"))),
    Dirt("valid_equals_in_name", (), _edit("experiments", lambda text: _named(text, "a=b/formula=7"))),
    Dirt("valid_user_of_any_text", (), _edit("user_id", lambda text: f"u-{text}@example.org é")),
)
_RARE = Dirt("very_long_field", ("field_too_long",), _put(item_id=_LONG))
_WIDTHS = {"too_few_columns": -2, "too_many_columns": 2}
_DUPLICATE = "exact_duplicate"

BROKEN_RULES: Mapping[str, tuple[str, ...]] = {
    **{kind.name: kind.rules for kind in (*_KINDS, _RARE)},
    **dict.fromkeys(_WIDTHS, ("malformed_row",)),
    _DUPLICATE: (),
}
"""Every kind of dirt, and the rules that a row spoilt by it alone breaks."""


def spoil(rng: np.random.Generator, rows: Rows, share: float, *, every_kind: bool) -> Spoilt:
    """Spoil a share of a block's rows in place; duplicates are appended.

    Args:
        rng: The block's random numbers.
        rows: The rows.
        share: The share of the rows to spoil, from 0 to 1.
        every_kind: Use every kind once before any is drawn at random, however small the share. The very long field
            appears only then: at random it would fill the disk.

    Returns:
        Which rows need care when they are written, and what was done.
    """
    spoilt = Spoilt()
    if not share or not len(rows):
        return spoilt
    by_name = {kind.name: kind for kind in (*_KINDS, _RARE)}
    drawn = [kind.name for kind in _KINDS] + list(_WIDTHS) + [_DUPLICATE] * 6
    guaranteed = list(BROKEN_RULES) if every_kind else []
    number = min(len(rows), max(rng.binomial(len(rows), share), len(guaranteed)))
    chosen = rng.choice(len(rows), number, replace=False).tolist()
    kinds = guaranteed + [drawn[index] for index in rng.integers(len(drawn), size=number).tolist()]
    for index, name in zip(chosen, kinds, strict=False):
        spoilt.counts[name] = spoilt.counts.get(name, 0) + 1
        if name == _DUPLICATE:
            _repeat(rows, index)
            continue
        spoilt.careful.add(index)
        if name in _WIDTHS:
            spoilt.extra[index] = _WIDTHS[name]
        else:
            _apply(by_name[name], rows, index)
    _repeat_some(rows, spoilt)
    return spoilt


def _repeat_some(rows: Rows, spoilt: Spoilt) -> None:
    """Send one spoilt row in twenty again: what was rejected once must not be rejected twice."""
    for index in sorted(spoilt.careful)[::20]:
        spoilt.careful.add(len(rows))
        if index in spoilt.extra:
            spoilt.extra[len(rows)] = spoilt.extra[index]
        _repeat(rows, index)


def _apply(kind: Dirt, rows: Rows, index: int) -> None:
    row = {name: getattr(rows, name)[index] for name in FIELDS}
    kind.spoil(row)
    for name in FIELDS:
        getattr(rows, name)[index] = row[name]


def _repeat(rows: Rows, index: int) -> None:
    for name in FIELDS:
        column = getattr(rows, name)
        column.append(column[index])
