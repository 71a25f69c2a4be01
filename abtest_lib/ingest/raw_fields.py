"""The result of every reader: the six raw fields as text, and the file of each row."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from abtest_lib.errors import one_line
from abtest_lib.ingest.wanted_columns import WantedColumns

FILE_PATH = "_metadata.file_path"
_MOST_SHOWN = 5


@dataclass(slots=True)
class RawEvents:
    """Raw rows, and what a person should know about their files.

    Attributes:
        frame: The six raw fields as text, raw_record (the line, if it could not be split) and source_file.
        notices: Sentences for a person, e.g. about ignored columns.
        has_content: Whether a file had content once unpacked.
    """

    frame: DataFrame
    notices: list[str] = field(default_factory=list)
    has_content: bool = True


def six_fields(
    frame: DataFrame, fields: dict[str, Column | None], raw_record: Column, source_file: str = FILE_PATH
) -> DataFrame:
    """Select the columns that every reader returns.

    Args:
        frame: The rows.
        fields: The column of each field; None means the column of the same name.
        raw_record: The line, if it could not be split.
        source_file: The column with the file of a row.
    """
    columns = [
        (F.col(name) if column is None else column).cast("string").alias(name) for name, column in fields.items()
    ]
    return frame.select(*columns, raw_record.alias("raw_record"), F.col(source_file).alias("source_file"))


def ignored_columns(columns: Iterable[str], name: str, wanted: WantedColumns) -> list[str]:
    """Return a sentence about the ignored columns of a file; none if there are none."""
    extra = [one_line(column, 40) or "without a name" for column in columns if column not in wanted.sources]
    if not extra:
        return []
    more = f" and {len(extra) - _MOST_SHOWN:,} more" if len(extra) > _MOST_SHOWN else ""
    shown = ", ".join(extra[:_MOST_SHOWN])
    return [f"ignored column {shown}{more} of {one_line(name)}: {_not_wanted(wanted)}"]


def column_notices(columns: Iterable[str], name: str, wanted: WantedColumns) -> list[str]:
    """Return sentences about the ignored and the missing columns of a file."""
    columns = tuple(columns)
    return [*ignored_columns(columns, name, wanted), *wanted.missing_notices(columns, one_line(name))]


def _not_wanted(wanted: WantedColumns) -> str:
    if not wanted.event_columns:
        return "not one of the six event fields"
    return "neither one of the six event fields nor declared in event_columns"


def literal_paths(names: Iterable[str]) -> list[str]:
    """Escape file names, because Spark takes each path for a pattern."""
    return [re.sub(r"([\[\]{}*?\\])", r"\\\1", name) for name in names]


def pairs_as_text(pairs: Column, shown: Column) -> Column:
    """Write pairs of experiment and variant as `{name=variant, name=variant}`, sorted by name.

    Args:
        pairs: An array of key and value, both text; NULL stays NULL.
        shown: The text of a map that the form cannot express; it breaks a rule.
    """
    texts = F.transform(
        F.array_sort(pairs), lambda pair: F.concat(pair["key"], F.lit("="), F.ifnull(pair["value"], F.lit("")))
    )
    text = F.concat(F.lit("{"), F.array_join(texts, ", "), F.lit("}"))
    in_names = F.array_join(pairs["key"], "").contains(",")
    in_variants = F.array_join(pairs["value"], "").rlike("[=,]")
    refused = F.concat(F.lit("map "), F.to_json(shown))
    return F.when(in_names | in_variants, refused).when(pairs.isNotNull(), text)
