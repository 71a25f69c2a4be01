"""Numbers as text: equal numbers become equal texts, without losing a digit."""

import re

from pyspark.sql import Column
from pyspark.sql import functions as F

_NUMBER = r"^-?([0-9]+)(?:[.]([0-9]+))?(?:[eE]([-+]?[0-9]{1,3}))?$"
_MATCH = re.compile(_NUMBER, re.ASCII).match
_PLAIN = r"^-?[0-9]+$"


def plain_number(text: Column) -> Column:
    """Write a number in full, without an exponent and without zeros at the end of its fraction.

    Args:
        text: A number such as `7001.0`, `7e3` or `-1.50E-2`; other text stays as it is.

    Returns:
        Text such as `7001`, `7000` or `-0.015`.
    """
    whole, fraction = F.regexp_extract(text, _NUMBER, 1), F.regexp_extract(text, _NUMBER, 2)
    shift = F.coalesce(F.nullif(F.regexp_extract(text, _NUMBER, 3), F.lit("")).cast("int"), F.lit(0))
    digits = F.concat(_zeros(-shift), whole, fraction, _zeros(shift))
    # With as many zeros on both sides the point never leaves the digits.
    point = F.length(whole) + F.greatest(shift, F.lit(0))
    before = F.regexp_replace(digits.substr(F.lit(1), point), "^0+", "")
    after = F.regexp_replace(digits.substr(point + 1, F.length(digits)), "0+$", "")
    number = F.concat(
        F.when(before == "", "0").otherwise(before), F.when(after == "", "").otherwise(F.concat(F.lit("."), after))
    )
    signed = F.when(text.startswith("-") & (number != "0"), F.concat(F.lit("-"), number)).otherwise(number)
    is_number = text.rlike(_NUMBER) & ~(text.rlike(_PLAIN) & (text != "-0"))
    return F.when(is_number, signed).otherwise(text)


def plain_number_text(text: str) -> str:
    """Write a number in full, as `plain_number` does for a column.

    Examples:
        >>> plain_number_text("7001.0"), plain_number_text("-1.50E-2"), plain_number_text("-0"), plain_number_text("x")
        ('7001', '-0.015', '0', 'x')
    """
    found = _MATCH(text)
    if found is None or (found[2] is None and found[3] is None and text != "-0"):
        return text
    whole, fraction, shift = found[1], found[2] or "", int(found[3] or 0)
    digits = "0" * -shift + whole + fraction + "0" * shift
    point = len(whole) + max(shift, 0)
    before, after = digits[:point].lstrip("0") or "0", digits[point:].rstrip("0")
    number = f"{before}.{after}" if after else before
    return f"-{number}" if text.startswith("-") and number != "0" else number


def _zeros(count: Column) -> Column:
    return F.call_function("repeat", F.lit("0"), F.greatest(count, F.lit(0)))
