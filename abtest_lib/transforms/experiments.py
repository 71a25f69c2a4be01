"""The text `{name=variant, name=variant}` and what is in it."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

# A pair is split by its last `=`, which a variant cannot hold.
_PAIRS = """
    CASE WHEN experiments = '{}' THEN array() ELSE
    transform(
        split(substring(experiments, 2, length(experiments) - 2), ', '),
        pair -> named_struct(
            'experiment_name', left(pair, length(pair) - length(substring_index(pair, '=', -1)) - 1),
            'variant_id', substring_index(pair, '=', -1)
        )
    ) END
"""


def explode_experiments(rows: DataFrame) -> DataFrame:
    """Turn each row into one row for each experiment that it names.

    Traffic repeats few maps over and over, so each distinct text is parsed once and joined back.

    Args:
        rows: Any rows with a valid `experiments` text.

    Returns:
        The rows with experiment_name and variant_id in the place of experiments; rows without experiments are gone.
    """
    parsed = rows.select("experiments").distinct().select("experiments", F.expr(_PAIRS).alias("pairs"))
    joined = rows.join(parsed, "experiments", "inner")
    exploded = joined.select(*[c for c in rows.columns if c != "experiments"], F.explode("pairs").alias("pair"))
    return exploded.select("*", "pair.experiment_name", "pair.variant_id").drop("pair")
