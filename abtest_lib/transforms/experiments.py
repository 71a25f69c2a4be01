"""The map of experiments, the text `{name=variant, name=variant}`."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

# A pair is split by its last `=`, which a variant cannot hold.
_PAIRS = """
    transform(
        split(substring(experiments, 2, length(experiments) - 2), ', '),
        pair -> named_struct(
            'experiment_name', left(pair, length(pair) - length(substring_index(pair, '=', -1)) - 1),
            'variant_id', substring_index(pair, '=', -1)
        )
    )
"""


def assignments(events: DataFrame) -> DataFrame:
    """Parse each distinct map of experiments once; traffic repeats a few of them many times.

    Args:
        events: Any rows with a valid `experiments` text.

    Returns:
        experiments, experiment_name, variant_id: a row for each pair of each map.
    """
    maps = events.select("experiments").distinct().where("experiments <> '{}'")
    # Inside `inline`: as a column of its own the expression would be turned into a filter on every event.
    return maps.select("experiments", F.inline(F.expr(_PAIRS)))


def explode_experiments(rows: DataFrame, assigned: DataFrame) -> DataFrame:
    """Turn each row into one row for each experiment that it names.

    Args:
        rows: Rows with `experiments`.
        assigned: The result of `assignments` for them.

    Returns:
        The rows with experiment_name and variant_id instead of experiments; rows without experiments are dropped.
    """
    return rows.join(assigned, "experiments", "inner").drop("experiments")
