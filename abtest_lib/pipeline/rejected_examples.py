"""An example of a rejected row for each rule, with its file and line."""

import gzip
import json
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from abtest_lib.contracts import RAW_FIELDS
from abtest_lib.errors import one_line
from abtest_lib.transforms.rules import rule_named

_LONGEST = 60
_MOST_LINES = 1_000_000


def rejected_examples(rejected: DataFrame) -> Mapping[str, str]:
    """Find an example of every rule that some rows break.

    Args:
        rejected: Rows of quarantine/events.

    Returns:
        Rule to the offending value, its file and, where the file can be read here, its line.
    """
    # A struct with a map has no order, and Spark ignores an alias inside a struct.
    rows = rejected.withColumn("event_columns", F.to_json("event_columns"))
    row = F.struct("source_file", "raw_record", *RAW_FIELDS, "event_columns")
    broken = rows.select(F.explode("failed_rules").alias("rule"), row.alias("row"))
    found = broken.groupBy("rule").agg(F.min("row").alias("row")).collect()
    return {item["rule"]: _example(item["rule"], item["row"]) for item in found}


def _example(rule: str, row: Row) -> str:
    known = rule_named(rule)
    field = "" if known is None else known.field
    value = row["raw_record"] if row["raw_record"] is not None or not field else _value(row, field)
    shown = "missing" if value is None else f"«{one_line(_printable(value), _LONGEST)}»"
    name = f"{field} " if field and row["raw_record"] is None else ""
    return f"{name}{shown} in {_place(row, value)}"


def _value(row: Row, field: str) -> str | None:
    if field in RAW_FIELDS:
        return str(row[field]) if row[field] is not None else None
    value: str | None = json.loads(row["event_columns"] or "{}").get(field)
    return value


def _place(row: Row, value: str | None) -> str:
    source = str(row["source_file"])
    path = Path(unquote(urlsplit(source).path) if source.startswith("file:") else source)
    line = None if not value else _line_of(path, value)
    return path.name if line is None else f"{path.name}, line {line:,}"


def _line_of(path: Path, value: str) -> int | None:
    """Return the number of the first line that contains a text; None if the file cannot be read as lines."""
    opener = gzip.open if path.suffix.lower() == ".gz" else open
    try:
        with opener(path, "rb") as file:
            wanted = value.encode()
            return next((number for number, line in enumerate(islice(file, _MOST_LINES), 1) if wanted in line), None)
    except (OSError, EOFError):
        return None


def _printable(value: str) -> str:
    return "".join(character if character.isprintable() or character == " " else "�" for character in value)
