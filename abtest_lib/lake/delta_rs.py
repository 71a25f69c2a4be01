"""Maintenance of a table by delta-rs, for an engine that has no commands for it."""

import json
import math
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta

from deltalake import DeltaTable, Field
from deltalake.exceptions import DeltaError
from pyspark.sql.types import StructType

from abtest_lib.errors import LakeError, one_line
from abtest_lib.storage import delta_rs_location, delta_rs_options

_HOUR = timedelta(hours=1)


@contextmanager
def open_delta(path: str, doing: str) -> Iterator[DeltaTable]:
    """Open a table, and turn what delta-rs raises inside into an error of one line.

    Raises:
        LakeError: delta-rs failed.
    """
    try:
        yield DeltaTable(delta_rs_location(path), storage_options=delta_rs_options(path))
    except (DeltaError, OSError) as error:
        raise LakeError(f"{doing}: {one_line(error)}; nothing was lost; try --compute spark") from error


def live_files(table: DeltaTable) -> list[str]:
    """Return the data files of the current version, by their path within the table's folder."""
    prefix = table.table_uri.rstrip("/") + "/"
    return [uri.removeprefix(prefix) for uri in table.file_uris()]


def compact(table: DeltaTable, cluster_by: Collection[str]) -> None:
    """Merge small files; with columns, order the rows so that a reader of few rows skips most files."""
    if cluster_by:
        table.optimize.z_order(list(cluster_by))
    else:
        table.optimize.compact()


def set_property(table: DeltaTable, name: str, value: str) -> None:
    """Set a property of a table; write nothing if it has that value already."""
    if table.metadata().configuration.get(name) != value:
        table.alter.set_table_properties({name: value})


def add_columns(table: DeltaTable, schema: StructType) -> None:
    """Add the columns of a schema that a table lacks; write nothing if it has them all."""
    there = {field.name for field in table.schema().fields}
    new = [Field.from_json(json.dumps(field.jsonValue())) for field in schema.fields if field.name not in there]
    if new:
        table.alter.add_columns(new)


def vacuum(table: DeltaTable, keep: timedelta) -> None:
    """Remove the files that no version younger than `keep` needs."""
    hours = math.ceil(keep / _HOUR)
    table.vacuum(retention_hours=hours, dry_run=False, enforce_retention_duration=False)


def checkpoint(table: DeltaTable) -> int:
    """Write a checkpoint and remove the log entries that are older than the table's property says.

    Returns:
        The version of the checkpoint.
    """
    table.create_checkpoint()
    table.cleanup_metadata()
    return int(table.version())
