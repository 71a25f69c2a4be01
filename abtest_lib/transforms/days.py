"""Days in the reporting time zone."""

from pyspark.sql import Column
from pyspark.sql import functions as F


def day_of(instant: Column | str, timezone: str) -> Column:
    """Return the date of an instant in a time zone; the machine's time zone plays no part, the session's is UTC."""
    return F.to_date(F.from_utc_timestamp(instant, timezone))
