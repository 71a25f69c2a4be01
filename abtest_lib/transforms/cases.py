"""Choose an expression by the value of a column."""

from collections.abc import Mapping
from functools import reduce

from pyspark.sql import Column
from pyspark.sql import functions as F


def by_value(column: str, expressions: Mapping[str, Column]) -> Column:
    """Choose an expression by the value of a column; NULL for other values.

    An array of structs would do the same, but not every engine accepts structs that mix columns and literals.
    """
    (first, expression), *others = expressions.items()
    chosen = F.when(F.col(column) == first, expression)
    return reduce(lambda so_far, item: so_far.when(F.col(column) == item[0], item[1]), others, chosen)
