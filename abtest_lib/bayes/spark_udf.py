"""The function that runs on an executor: Arrow batches of groups in, batches of posteriors out."""

from collections.abc import Iterable, Iterator
from dataclasses import fields
from datetime import date
from itertools import groupby, islice
from typing import Any

import pyarrow as pa

from abtest_lib.bayes.fit import fit_groups
from abtest_lib.bayes.fit_config import FitConfig
from abtest_lib.bayes.fit_metrics import fit_metric_groups
from abtest_lib.bayes.groups import Arm, Group
from abtest_lib.bayes.metric_groups import ArmSums, MetricArm, MetricGroup
from abtest_lib.bayes.posterior import GroupPosterior
from abtest_lib.contracts.enums import Direction

PURCHASE = "purchase"
"""The metric that is fitted as a conversion; all others have sums."""

SUMS = tuple(item.name for item in fields(ArmSums))
"""The sums of an arm, columns of `gold/metric_to_date`."""

_GROUPS_PER_BATCH = 256

_TEXTS = ("window", "metric", "experiment_name", "variant_id", "engine", "status", "reason", "prior", "model_version")
_COUNTS = ("users", "purchases", "divergences", "seed")


def fit_partition(batches: Iterator[pa.RecordBatch], config: FitConfig) -> Iterator[pa.RecordBatch]:
    """Fit the groups of one partition, a few hundred at a time to limit memory.

    Args:
        batches: One row per group: window, metric, day, experiment_name, control_id and arms, a list of structs of
            variant_id, users and purchases; for metrics of the catalogue also direction and seed, and the arms' sums.
        config: How to fit.

    Yields:
        Rows of `gold/posteriors`, one per arm.
    """
    results = _fit(_rows(batches), config)
    while some := list(islice(results, _GROUPS_PER_BATCH)):
        yield as_record_batch(some)


def as_record_batch(results: Iterable[GroupPosterior]) -> pa.RecordBatch:
    """Convert results to an Arrow batch with the columns of `gold/posteriors`."""
    rows = [{**row, "day": date.fromisoformat(str(row["day"]))} for result in results for row in result.rows()]
    names = list(rows[0])
    arrays = [pa.array([row[name] for row in rows], type=_type(name)) for name in names]
    return pa.RecordBatch.from_arrays(arrays, names=names)


def _rows(batches: Iterable[pa.RecordBatch]) -> Iterator[dict[str, Any]]:
    for batch in batches:
        yield from batch.to_pylist()


def _fit(rows: Iterable[dict[str, Any]], config: FitConfig) -> Iterator[GroupPosterior]:
    """Fit runs of conversions and runs of metrics in turn; a long run is fitted as it arrives."""
    for is_purchase, some in groupby(rows, lambda row: row["metric"] == PURCHASE):
        if is_purchase:
            yield from fit_groups(map(_group, some), config)
        else:
            yield from fit_metric_groups(map(_metric_group, some), config.for_metrics)


def _group(row: dict[str, Any]) -> Group:
    arms = tuple(Arm(arm["variant_id"], arm["users"], arm["purchases"]) for arm in row["arms"])
    day = row["day"].isoformat()
    return Group(row["window"], day, row["experiment_name"], row["metric"], arms, row["control_id"])


def _metric_group(row: dict[str, Any]) -> MetricGroup:
    arms = tuple(
        MetricArm(arm["variant_id"], arm["users"], ArmSums(**{name: arm[name] for name in SUMS})) for arm in row["arms"]
    )
    identity = (row["window"], row["day"].isoformat(), row["experiment_name"], row["metric"])
    return MetricGroup(*identity, arms, row["control_id"], Direction(row["direction"]), row["seed"])


def _type(name: str) -> pa.DataType:
    if name in _TEXTS:
        return pa.string()
    if name in _COUNTS:
        return pa.int64()
    return {"day": pa.date32(), "is_control": pa.bool_()}.get(name, pa.float64())
