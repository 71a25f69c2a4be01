"""Events as JSON: an object or an array of objects in each line, or one document over several lines."""

from functools import reduce

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from abtest_lib.ingest.json_shapes import is_document
from abtest_lib.ingest.numbers import plain_number
from abtest_lib.ingest.raw_fields import FILE_PATH, RawEvents, literal_paths, pairs_as_text, six_fields
from abtest_lib.ingest.wanted_columns import WantedColumns
from abtest_lib.storage import is_s3, local_folder

_STRICT = {"allowSingleQuotes": "false"}
_DEEPEST = 4
"""The depth of nested objects up to which two events in a line, separated by a comma, are detected."""
_FRACTIONAL = r'"\s*:\s*-?[0-9]+[.eE]'
_BACKSLASH, _QUOTE = "\u0001", "\u0002"
"""Placeholders for an escaped backslash and an escaped quote; valid JSON contains neither character."""


def read_json(spark: SparkSession, names: tuple[str, ...], wanted: WantedColumns) -> RawEvents:
    """Read files of JSON.

    Raises:
        InputError: A document over several lines is broken or too large.
    """
    documents = [name for name in names if _can_be_opened(name) and is_document(name)]
    lines = [name for name in names if name not in set(documents)]
    parts = []
    if lines:
        parts.append(_texts(spark.read.text(literal_paths(lines))))
    if documents:
        whole = _texts(spark.read.text(literal_paths(documents), wholetext=True))
        parts.append(whole.withColumn("line", _as_array(F.col("line"))))
    return RawEvents(_events(reduce(DataFrame.unionByName, parts), wanted))


def _can_be_opened(name: str) -> bool:
    """Return whether this process can read the file, without Spark."""
    return local_folder(name) is not None or is_s3(name)


def _texts(read: DataFrame) -> DataFrame:
    # A blank line contains no event, and neither does an empty array.
    text = read.where(r"value RLIKE '\\S' AND NOT value RLIKE '^\ufeff?\\s*\\[\\s*\\]\\s*$'")
    return text.select(F.regexp_replace("value", "^\ufeff", "").alias("line"), F.col(FILE_PATH).alias("source_file"))


def _as_array(document: Column) -> Column:
    """Join objects over several lines into one array; a quoted text never contains the end of a line."""
    joined = F.regexp_replace(document, r"\}[ \t]*[\r\n]\s*\{", "},{")
    return F.when(document.rlike(r"^\s*\["), document).otherwise(F.concat(F.lit("["), joined, F.lit("]")))


def _events(lines: DataFrame, wanted: WantedColumns) -> DataFrame:
    columns = ", ".join(f"`{name}` string" for name in map(_quoted, wanted.sources))
    marked = ", ".join(f"`{name}|` string" for name in map(_quoted, wanted.sources))
    # An object is read as an array of one. The parser stops after a line's first value and ignores the rest.
    parsed = F.when(~_is_glued(F.col("line")), F.from_json("line", f"array<struct<{columns}>>", _STRICT))
    # The parser gives a number as text and rounds it, and 7001.0 looks like "7001.0".
    has_fraction = F.col("line").rlike(_FRACTIONAL)
    exact = F.when(has_fraction, F.from_json(_mark(F.col("line")), f"array<struct<{marked}>>", _STRICT))
    none = F.array().cast(f"array<struct<{marked}>>")
    both = F.zip_with(
        parsed, F.coalesce(exact, none), lambda event, marks: F.struct(event.alias("event"), marks.alias("marks"))
    )
    frame = lines.select("*", F.explode_outer(both).alias("both")).select("*", "both.*")
    fields: dict[str, Column | None] = {name: _number_or_text(wanted.source(name)) for name in wanted.fields}
    source = wanted.source("experiments")
    fields["experiments"] = _experiments(_field("event", source), _field("marks", f"{source}|"))
    return six_fields(frame, fields, F.when(F.col("event").isNull(), F.col("line")), "source_file")


def _number_or_text(name: str) -> Column:
    return _unmark_number(_field("marks", f"{name}|"), _field("event", name))


def _field(struct: str, name: str) -> Column:
    return F.col(struct).getField(name)


def _quoted(name: str) -> str:
    return name.replace("`", "``")


def _experiments(text: Column, marked: Column) -> Column:
    """Write the map of experiments in its CSV form; a string column holds a JSON object as its text."""
    as_map = F.from_json(text, "map<string,string>")
    pairs = F.map_entries(as_map)
    marks = F.map_entries(F.from_json(marked, "map<string,string>"))
    exact = F.zip_with(pairs, marks, _exact_pair)
    is_object = text.rlike(r'^\{\s*("|\}$)')
    as_text = pairs_as_text(F.when(marked.isNull(), pairs).otherwise(exact), as_map)
    return F.when(is_object, F.coalesce(as_text, text)).otherwise(text)


def _exact_pair(pair: Column, mark: Column) -> Column:
    return F.struct(pair["key"].alias("key"), _unmark_number(mark["value"], pair["value"]).alias("value"))


def _unmark_number(marked: Column, text: Column) -> Column:
    """Return the number of a marked text, written in full; for a marked string return the other text."""
    is_number = marked.startswith("|") & ~marked.endswith("|")
    return F.when(is_number, plain_number(marked.substr(F.lit(2), F.length(marked)))).otherwise(text)


def _mark(line: Column) -> Column:
    """Turn `"text"` into `"text|"` and the number 7.0 into `"|7.0"`, so that a parser for text can distinguish them."""
    # Without escapes a text ends at the next quote, which any engine's regular expressions find in one pass.
    without = F.replace(F.replace(line, F.lit("\\\\"), F.lit(_BACKSLASH)), F.lit('\\"'), F.lit(_QUOTE))
    marked = F.regexp_replace(without, r'"([^"]*)"|(-?[0-9][-+.0-9eE]*)', r'"$1|$2"')
    return F.replace(F.replace(marked, F.lit(_QUOTE), F.lit('\\"')), F.lit(_BACKSLASH), F.lit("\\\\"))


def _is_glued(line: Column) -> Column:
    """Return whether something follows the first object of a line; quoted texts are parsed only if that is possible."""
    may_be = line.rlike(r"\}\s*(?:[^\s,}\]\"]|,\s*\{)")
    signs = F.regexp_replace(line, r'"(?:\\.|[^"\\])*+"', "")
    outermost = signs
    for _ in range(_DEEPEST):
        outermost = F.regexp_replace(outermost, r"\{[^{}]*\}", "o")
    return may_be & (signs.rlike(r"\}\s*[^\s,}\]]") | outermost.rlike(r"^\s*o\s*,\s*o"))
