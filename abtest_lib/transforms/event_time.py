"""The instant of a raw row, from the text of its time."""

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
_ISO = (
    f"WHEN {_IS_SHORT} AND timestamp RLIKE '{_INSTANT}' THEN try_cast(timestamp AS timestamp) "
    f"WHEN {_IS_SHORT} AND timestamp RLIKE '{_ANY_INSTANT}' THEN try_cast({_REWRITTEN} AS timestamp)"
)

_LOCAL = r"^([0-9]{4})-?([0-9]{2})-?([0-9]{2})[Tt ]([0-9]{2}):?([0-9]{2})?:?([0-9]{2})?[.,]?([0-9]{1,6})?0*\\z"
_IS_LOCAL = rf"^({_EXTENDED.replace('[Tt]', '[Tt ]')}|{_BASIC})\\z"
_PARTS_OF_LOCAL = [f"regexp_extract(timestamp, '{_LOCAL}', {place})" for place in range(8)]
_LOCAL_TIME = (
    f"concat({_PARTS_OF_LOCAL[1]}, '-', {_PARTS_OF_LOCAL[2]}, '-', {_PARTS_OF_LOCAL[3]}, 'T', {_PARTS_OF_LOCAL[4]}, "
    f"':', rpad({_PARTS_OF_LOCAL[5]}, 2, '0'), ':', rpad({_PARTS_OF_LOCAL[6]}, 2, '0'), "
    f"'.', rpad({_PARTS_OF_LOCAL[7]}, 6, '0'), 'Z')"
)

_DIGITS_OF_EPOCH = {"epoch_s": (11, 6), "epoch_ms": (14, 3)}
"""Digits of an epoch time before its point, up to the year 5138, and after it, down to microseconds."""


def event_time(clock: str = "iso", timezone: str | None = None) -> str:
    """Return SQL for the instant of a raw row; NULL where its text is no such time.

    A time in the hour that a clock skips is read as if it had not been set forward; in an hour that comes
    twice the first is meant.

    Args:
        clock: `iso` for ISO 8601, `epoch_s` or `epoch_ms` for seconds or milliseconds since 1970.
        timezone: The time zone of ISO times without an offset; None rejects them.
    """
    if clock != "iso":
        whole, digits = _DIGITS_OF_EPOCH[clock]
        number = f"try_cast(timestamp AS decimal(20,{digits}))"
        is_number = rf"{_IS_SHORT} AND timestamp RLIKE '^-?[0-9]{{1,{whole}}}([.][0-9]{{1,{digits}}}0*)?\\z'"
        return f"CASE WHEN {is_number} THEN timestamp_micros(CAST({number} * {10**digits} AS bigint)) END"
    local = f"to_utc_timestamp(try_cast({_LOCAL_TIME} AS timestamp), '{timezone}')"
    without_offset = "" if timezone is None else f" WHEN {_IS_SHORT} AND timestamp RLIKE '{_IS_LOCAL}' THEN {local}"
    return f"CASE {_ISO}{without_offset} END"
