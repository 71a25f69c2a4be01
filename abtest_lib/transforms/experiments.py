"""The text `{name=variant, name=variant}` and what is in it."""

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
    """What each distinct map of experiments says; traffic repeats few of them over and over.

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
        assigned: What `assignments` gives for them.

    Returns:
        The rows with experiment_name and variant_id in the place of experiments; rows without experiments are gone.
    """
    return rows.join(assigned, "experiments", "inner").drop("experiments")
