"""The rules that make a raw row a valid event, as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

LONGEST_FIELD = 100_000
"""In characters; a longer field is damage, and no regular expression is applied to it."""

EARLIEST, LATEST = "2000-01-01", "2100-01-01"

LARGEST_NUMBER = 1e9
"""The largest value, either way, of a column of numbers: the squares of sums over users stay exact."""

_SPACE = r" \\t\\n\\x0B\\f\\r"
"""White space inside a character class: to some engines `\\s` is Unicode's, to others ASCII's."""

# The last `=` of a pair splits it, so a variant holds none. No pattern looks around: not every engine can.
_NAME = rf"[^{{}},{_SPACE}](?:[^{{}},]*[^{{}},{_SPACE}])?"
_VARIANT = rf"[^{{}},={_SPACE}](?:[^{{}},=]*[^{{}},={_SPACE}])?"
_PAIRS = "split(substring(experiments, 2, greatest(length(experiments) - 2, 0)), ', ')"
_NAMES = f"transform({_PAIRS}, pair -> regexp_replace(pair, '=[^=]*$', ''))"
_ALL_PAIRS = rf"forall({_PAIRS}, pair -> pair RLIKE '^{_NAME}={_VARIANT}\\z')"
_IS_MAP = f"experiments LIKE '{{%}}' AND (experiments = '{{}}' OR {_ALL_PAIRS})"


_NUMBER = rf"^[{_SPACE}]*[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?[{_SPACE}]*\\z"
_OF_NUMBERS = "_malformed"

_NO_LIMIT = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of validity.

    Attributes:
        name: Its name in quarantine.
        broken: SQL over the raw fields and `event_time`, true for a row that breaks the rule; `:latest` is replaced by
            the latest instant that an event of this run may have.
        meaning: A sentence for a person.
        field: The raw field shown in an example; empty if no single field shows it.
    """

    name: str
    broken: str
    meaning: str
    field: str = ""

    def condition(self, latest: datetime | None) -> str:
        """Return the SQL for a run with this latest instant of events; None sets no limit."""
        limit = _NO_LIMIT if latest is None else latest.astimezone(UTC)
        return self.broken.replace(":latest", f"timestamp'{limit:%Y-%m-%d %H:%M:%S.%f}Z'")


_OTHERS = ("event_name", "item_id", "timestamp", "site", "user_id")


def _is_too_long(field: str) -> str:
    # The length in bytes is known, characters must be counted, and there are never more characters than bytes.
    return f"(octet_length({field}) > {LONGEST_FIELD} AND length({field}) > {LONGEST_FIELD})"


def _any(fields: tuple[str, ...], condition: str) -> str:
    return " OR ".join(f"coalesce({condition.format(field)}, false)" for field in fields)


def _blank(field: str) -> str:
    """Return SQL that is true for a field that is missing, empty or only white space."""
    # All white space and control characters come before `!`: most fields need no look beyond their first character.
    return rf"(NOT coalesce({field} >= '!' OR {field} RLIKE '[^{_SPACE}]', false))"


def _in_row(name: str, condition: str, meaning: str, columns: tuple[str, ...]) -> "Rule":
    """Return a rule over the fields of a row but the map, which takes longer to search than all the others."""
    in_long_map = f"{_TOO_LONG_MAP} AND {condition.format('experiments')}"
    return Rule(name, f"{_any((*_OTHERS, *columns), condition)} OR coalesce({in_long_map}, false)", meaning)


def _in_map(name: str, condition: str, meaning: str) -> "Rule":
    """Return the same rule over a map."""
    return Rule(name, f"{_SHORT} AND {condition.format('experiments')}", meaning)


_TOO_LONG_MAP = _is_too_long("experiments")
_SHORT = f"NOT {_TOO_LONG_MAP}"

MALFORMED_ROW = Rule(
    "malformed_row",
    "raw_record IS NOT NULL",
    "the line does not split into the header's columns, or is not a JSON object",
)

_BAD_ENCODING = "bad_encoding", "contains({}, '\ufffd')", "a field is not valid UTF-8"
_NULL_BYTE = "null_byte", "contains({}, char(0))", "a field holds a null byte"

_OF_ONE_FIELD = (
    Rule("event_name_missing", _blank("event_name"), "the event has no name", "event_name"),
    Rule("user_id_missing", _blank("user_id"), "the event has no user", "user_id"),
    Rule("timestamp_missing", _blank("timestamp"), "the event has no time", "timestamp"),
    Rule(
        "timestamp_malformed",
        f"NOT {_blank('timestamp')} AND event_time IS NULL",
        "the time is not like 2024-03-03T12:00:00.123456Z or 20240303T1200+0100: ISO 8601 with an offset "
        "(or what the settings timestamp_timezone and timestamp_format say)",
        "timestamp",
    ),
    Rule(
        "timestamp_out_of_range",
        f"event_time < timestamp'{EARLIEST} 00:00:00Z' OR event_time >= timestamp'{LATEST} 00:00:00Z'",
        "the time is before 2000 or from 2100 on",
        "timestamp",
    ),
    Rule(
        "timestamp_in_future",
        f"event_time > :latest AND event_time < timestamp'{LATEST} 00:00:00Z'",
        "the time is later than the start of the run (by more than `future_tolerance`), so a clock was wrong",
        "timestamp",
    ),
    Rule("experiments_missing", _blank("experiments"), "there is no map of experiments, not even {}", "experiments"),
)

MAP_RULES = (
    _in_map(*_BAD_ENCODING),
    _in_map(*_NULL_BYTE),
    Rule(
        "experiments_malformed",
        f"NOT {_blank('experiments')} AND {_SHORT} AND NOT ({_IS_MAP})",
        "the map of experiments is not {name=variant, name=variant}",
        "experiments",
    ),
    Rule(
        "experiment_named_twice",
        f"{_SHORT} AND {_IS_MAP} AND experiments <> '{{}}' AND size(array_distinct({_NAMES})) < size({_NAMES})",
        "the map names one experiment twice",
        "experiments",
    ),
)
"""Expensive rules over `experiments` alone: each distinct text is checked once."""


def event_rules(columns: Mapping[str, str]) -> tuple[Rule, ...]:
    """Return the rules over one row.

    Args:
        columns: Columns beyond the six fields, and their types.
    """
    names = tuple(f"`{name}`" for name in columns)
    long = " OR ".join(f"coalesce({_is_too_long(field)}, false)" for field in (*_OTHERS, *names, "experiments"))
    return (
        Rule("field_too_long", long, f"a field is over {LONGEST_FIELD:,} characters"),
        _in_row(*_BAD_ENCODING, names),
        _in_row(*_NULL_BYTE, names),
        *_OF_ONE_FIELD,
        *(number_rule(name) for name, kind in columns.items() if kind == "double"),
    )


def number_rule(column: str) -> Rule:
    """Return the rule over a column of numbers; an empty field is no number, and no damage."""
    short, number = f"octet_length(`{column}`) < 400", f"`{column}` RLIKE '{_NUMBER}'"
    size = f"abs(try_cast(`{column}` AS double)) <= {LARGEST_NUMBER:.0f}"
    is_sound = f"coalesce(if({short} AND {number}, {size}, false), false)"
    meaning = f"{column} is not a number between -{LARGEST_NUMBER:,.0f} and {LARGEST_NUMBER:,.0f}"
    return Rule(f"{column}{_OF_NUMBERS}", f"NOT {_blank(f'`{column}`')} AND NOT {is_sound}", meaning, column)


def rule_named(name: str) -> Rule | None:
    """Return the rule with a name from quarantine; None if there is no such rule."""
    known = {rule.name: rule for rule in (MALFORMED_ROW, *event_rules({}), *MAP_RULES)}
    if name in known:
        return known[name]
    return number_rule(name.removesuffix(_OF_NUMBERS)) if name.endswith(_OF_NUMBERS) else None
