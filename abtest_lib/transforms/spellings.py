"""Different spellings of one id, which count as two ids: 7001 and 7001.0, `u1` and `u1 `, A and a."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from abtest_lib.transforms.experiments import assignments

_EDGES = (" ", "\t", "\u00a0")
_SPACE_AT_THE_EDGES = r"^[ \t\n\x0B\f\r\x{00A0}]+|[ \t\n\x0B\f\r\x{00A0}]+$"


def is_odd(user_id: str) -> Column:
    """Return whether an id may be a spelling of another: with white space at its ends, or a fraction of zero."""
    column = F.col(user_id)
    odd = column.endswith(".0") | column.endswith(".00")
    for edge in _EDGES:
        odd = odd | column.startswith(edge) | column.endswith(edge)
    return odd


def two_users(rows: DataFrame) -> DataFrame:
    """Find pairs of user ids that are two spellings of one.

    Args:
        rows: Rows with user_id and is_sound.

    Returns:
        first, second: one row for each id that is spelt in several ways.
    """
    spelt = rows.where("is_sound").select(_plain(F.col("user_id")).alias("plain"), "user_id")
    odd = spelt.where(is_odd("user_id")).select("plain").distinct()
    return _pairs(spelt.join(odd, "plain", "left_semi"), "user_id", "plain")


def two_variants(map_counts: DataFrame) -> DataFrame:
    """Find pairs of variants of one experiment that are two spellings of one or differ only in case.

    Args:
        map_counts: The result of `abtest_lib.transforms.raw.count_by_map`.

    Returns:
        first, second, experiment_name: one row for each variant that is spelt in several ways.
    """
    named = assignments(map_counts.where("sound > 0 AND size(map_faults) = 0"))
    plain = F.lower(_plain(F.col("variant_id"))).alias("plain")
    return _pairs(named.select("experiment_name", plain, "variant_id"), "variant_id", "experiment_name", "plain")


def join_spellings(raw: DataFrame) -> DataFrame:
    """Replace all spellings of an id by one: the setting `normalize_ids`.

    Args:
        raw: Rows with user_id, item_id and experiments as text.

    Returns:
        The same rows: ids without white space at their ends or a fraction of zero, variants also in lower case.
    """
    body = F.expr("substring(experiments, 2, greatest(length(experiments) - 2, 0))")
    pairs = F.transform(F.split(body, ", "), _plain_pair)
    is_map = F.col("experiments").rlike(r"^\{.+=.+\}$")
    joined = F.concat(F.lit("{"), F.array_join(pairs, ", "), F.lit("}"))
    ids = {name: _plain(F.col(name)) for name in ("user_id", "item_id")}
    return raw.withColumns({**ids, "experiments": F.when(is_map, joined).otherwise(F.col("experiments"))})


def _plain_pair(pair: Column) -> Column:
    """Write the variant of `name=variant` in its one spelling; the last `=` splits."""
    name, variant = F.regexp_extract(pair, "^(.*=)[^=]*$", 1), F.regexp_extract(pair, "=([^=]*)$", 1)
    return F.concat(name, F.lower(_plain(variant)))


def _pairs(spelt: DataFrame, spelling: str, *keys: str) -> DataFrame:
    ends = spelt.groupBy(*keys).agg(F.min(spelling).alias("first"), F.max(spelling).alias("second"))
    return ends.where("first <> second").orderBy(*keys)


def _plain(text: Column) -> Column:
    return F.regexp_replace(F.regexp_replace(text, _SPACE_AT_THE_EDGES, ""), r"^(-?[0-9]+)[.]0+$", "$1")
