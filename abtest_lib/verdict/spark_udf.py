"""From a partition's Arrow batches of counts to verdicts and comparisons, on the executor."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from abtest_lib.contracts import COMPARISONS, VERDICTS
from abtest_lib.contracts.table import Column
from abtest_lib.stats.arrays import Bools
from abtest_lib.verdict.comparison_rows import comparison_columns
from abtest_lib.verdict.decision import judge
from abtest_lib.verdict.metric_rows import read_metric_rows
from abtest_lib.verdict.panel import Context, Panel
from abtest_lib.verdict.panel_builder import build_panels
from abtest_lib.verdict.rows import Columns, verdict_columns
from abtest_lib.verdict.rules import Rules

if TYPE_CHECKING:
    import pyarrow as pa

VERDICT, COMPARISON = "verdict", "comparison"

METRICS = "metrics"
"""The column of the metrics of a row of counts."""

_BATCH_ROWS = 20_000


def output_columns() -> tuple[Column, ...]:
    """Return the columns of verdicts and comparisons together; `kind` distinguishes the rows."""
    columns = {column.name: column for column in (*VERDICTS.columns, *COMPARISONS.columns)}
    return (Column("kind", "string", f"`{VERDICT}` or `{COMPARISON}`"), *columns.values())


def output_ddl() -> str:
    """Return the output columns as a Spark DDL string."""
    return ", ".join(f"`{column.name}` {column.type}" for column in output_columns())


def judge_partition(batches: Iterable["pa.RecordBatch"], context: Context, rules: Rules) -> Iterator["pa.RecordBatch"]:
    """Judge all experiments of a partition.

    Args:
        batches: Rows as `build_panels` takes them, whole histories of experiments, and `since`, the first day
            of the experiment whose rows are wanted; `metrics`, a list of structs with metric, segment and the numbers
            of gold/metric_to_date and gold/posteriors, may be missing or NULL.
        context: What is declared.
        rules: The levels and limits.

    Yields:
        Rows with the columns of `output_columns`.
    """
    import pyarrow as pa  # noqa: PLC0415  only where rows travel as Arrow

    rows = list(batches)
    if not rows or sum(batch.num_rows for batch in rows) == 0:
        return
    table = pa.Table.from_batches(rows)
    metrics = read_metric_rows(table.column(METRICS) if METRICS in table.column_names else None)
    names = [name for name in table.column_names if name != METRICS]
    columns = {name: table.column(name).to_numpy(zero_copy_only=False) for name in names}
    wanted_since = dict(zip(columns["experiment_name"], columns.pop("since").astype("datetime64[D]"), strict=True))
    schema = pa.schema([(column.name, _arrow_type(column.type)) for column in output_columns()])
    for panel in build_panels(columns, context, metrics):
        judgement, wanted = judge(panel, rules), _wanted(panel, wanted_since)
        yield from _as_batches(VERDICT, verdict_columns(judgement, wanted), schema)
        yield from _as_batches(COMPARISON, comparison_columns(judgement, wanted), schema)


def _wanted(panel: Panel, since: dict[str, date]) -> Bools:
    first = np.array([since[name] for name in panel.names], dtype="datetime64[D]")
    return np.asarray(panel.day >= first[:, None])


def _as_batches(kind: str, columns: Columns, schema: "pa.Schema") -> Iterator["pa.RecordBatch"]:
    import pyarrow as pa  # noqa: PLC0415

    number = len(columns["day"])
    if number == 0:
        return
    filled: dict[str, Any] = {"kind": [kind] * number} | columns
    arrays = [pa.array(filled.get(field.name, [None] * number), type=field.type) for field in schema]
    yield from pa.Table.from_arrays(arrays, schema=schema).to_batches(max_chunksize=_BATCH_ROWS)


def _arrow_type(name: str) -> "pa.DataType":
    import pyarrow as pa  # noqa: PLC0415

    types = {
        "string": pa.string(),
        "date": pa.date32(),
        "bigint": pa.int64(),
        "double": pa.float64(),
        "boolean": pa.bool_(),
        "array<string>": pa.list_(pa.string()),
    }
    return types[name]
