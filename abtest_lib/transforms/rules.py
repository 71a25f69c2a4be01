"""The rules that make a raw row a valid event, as data."""

from dataclasses import dataclass
from datetime import UTC, datetime

LONGEST_FIELD = 100_000
"""In characters; a longer field is damage, and no regular expression is applied to it."""

EARLIEST, LATEST = "2000-01-01", "2100-01-01"

_OFFSET = r"([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)"
_INSTANT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?(Z|[+-][0-9]{2}:?[0-9]{2})\\z"
"""The form of nearly all events, which every engine casts unchanged."""
_FRACTION = "([.,][0-9]{1,6}0*)?"
_EXTENDED = rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[Tt][0-9]{{2}}(:[0-9]{{2}}(:[0-9]{{2}}{_FRACTION})?)?"
_BASIC = rf"[0-9]{{8}}[Tt][0-9]{{2}}([0-9]{{2}}([0-9]{{2}}{_FRACTION})?)?"
_ANY_INSTANT = rf"^({_EXTENDED}|{_BASIC}){_OFFSET}\\z"
_SIX_NUMBERS = (
    r"^([0-9]{4})-?([0-9]{2})-?([0-9]{2})[Tt]([0-9]{2}):?([0-9]{2})?:?([0-9]{2})?"
    r"[.,]?([0-9]{1,6})?0*([Zz]|[+-][0-9]{2}):?([0-9]{2})?\\z"
)


def _part(place: int) -> str:
    return f"regexp_extract(timestamp, '{_SIX_NUMBERS}', {place})"


# The time of day may end with the hour or the minute, and an offset with the hour.
_TIME_OF_DAY = (
    f"{_part(4)}, ':', rpad({_part(5)}, 2, '0'), ':', rpad({_part(6)}, 2, '0'), '.', rpad({_part(7)}, 6, '0')"
)
_ZONE = f"if({_part(8)} IN ('Z', 'z'), 'Z', concat({_part(8)}, ':', rpad({_part(9)}, 2, '0')))"
_REWRITTEN = f"concat({_part(1)}, '-', {_part(2)}, '-', {_part(3)}, 'T', {_TIME_OF_DAY}, {_ZONE})"
_IS_SHORT = "octet_length(timestamp) < 40"
EVENT_TIME = (
    f"CASE WHEN {_IS_SHORT} AND timestamp RLIKE '{_INSTANT}' THEN try_cast(timestamp AS timestamp) "
    f"WHEN {_IS_SHORT} AND timestamp RLIKE '{_ANY_INSTANT}' THEN try_cast({_REWRITTEN} AS timestamp) END"
)
"""SQL for the instant of a raw row; NULL where the text is not ISO 8601 with an offset."""

_SPACE = r" \\t\\n\\x0B\\f\\r"
"""White space inside a character class: to some engines `\\s` is Unicode's, to others ASCII's."""

# The last `=` of a pair splits it, so a variant holds none. No pattern looks around: not every engine can.
_NAME = rf"[^{{}},{_SPACE}](?:[^{{}},]*[^{{}},{_SPACE}])?"
_VARIANT = rf"[^{{}},={_SPACE}](?:[^{{}},=]*[^{{}},={_SPACE}])?"
_PAIRS = "split(substring(experiments, 2, greatest(length(experiments) - 2, 0)), ', ')"
_NAMES = f"transform({_PAIRS}, pair -> regexp_replace(pair, '=[^=]*$', ''))"
_ALL_PAIRS = rf"forall({_PAIRS}, pair -> pair RLIKE '^{_NAME}={_VARIANT}\\z')"
_IS_MAP = f"experiments LIKE '{{%}}' AND (experiments = '{{}}' OR {_ALL_PAIRS})"


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


def _in_row_and_map(name: str, condition: str, meaning: str) -> tuple["Rule", "Rule"]:
    """Return a rule over a row and the same rule over a map, which takes longer to search than all other fields."""
    in_long_map = f"{_TOO_LONG_MAP} AND {condition.format('experiments')}"
    in_row = f"{_any(_OTHERS, condition)} OR coalesce({in_long_map}, false)"
    return Rule(name, in_row, meaning), Rule(name, f"{_SHORT} AND {condition.format('experiments')}", meaning)


_TOO_LONG_MAP = _is_too_long("experiments")
_SHORT = f"NOT {_TOO_LONG_MAP}"

MALFORMED_ROW = Rule(
    "malformed_row",
    "raw_record IS NOT NULL",
    "the line does not split into the header's columns, or is not a JSON object",
)

_BAD_ENCODING = _in_row_and_map("bad_encoding", "contains({}, '\ufffd')", "a field is not valid UTF-8")
_NULL_BYTE = _in_row_and_map("null_byte", "contains({}, char(0))", "a field holds a null byte")

EVENT_RULES = (
    Rule(
        "field_too_long",
        " OR ".join(f"coalesce({_is_too_long(field)}, false)" for field in (*_OTHERS, "experiments")),
        f"a field is over {LONGEST_FIELD:,} characters",
    ),
    _BAD_ENCODING[0],
    _NULL_BYTE[0],
    Rule("event_name_missing", _blank("event_name"), "the event has no name", "event_name"),
    Rule("user_id_missing", _blank("user_id"), "the event has no user", "user_id"),
    Rule("timestamp_missing", _blank("timestamp"), "the event has no time", "timestamp"),
    Rule(
        "timestamp_malformed",
        f"NOT {_blank('timestamp')} AND event_time IS NULL",
        "the time is not like 2024-03-03T12:00:00.123456Z or 20240303T1200+0100: ISO 8601 with an offset",
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
"""Rules over one row."""

MAP_RULES = (
    _BAD_ENCODING[1],
    _NULL_BYTE[1],
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

RULES = (MALFORMED_ROW, *EVENT_RULES, *MAP_RULES)
