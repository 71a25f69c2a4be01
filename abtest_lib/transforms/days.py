"""Days in the reporting time zone."""

from pyspark.sql import Column
from pyspark.sql import functions as F


def day_of(instant: Column | str, timezone: str) -> Column:
    """The date of an instant in a time zone, whatever the machine's; the session's time zone is UTC."""
    return F.to_date(F.from_utc_timestamp(instant, timezone))
