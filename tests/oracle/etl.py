"""The part of the pipeline that the oracle knows: raw events to gold counts."""

from pathlib import Path

from pyspark.sql import SparkSession

from abtest_lib.config import Settings
from abtest_lib.lake.lake import Lake
from abtest_lib.pipeline.aggregate_gold import JOB as AGGREGATE
from abtest_lib.pipeline.aggregate_gold import aggregate_gold
from abtest_lib.pipeline.build_silver import JOB as BUILD
from abtest_lib.pipeline.build_silver import build_silver
from abtest_lib.pipeline.history import StepReport
from abtest_lib.pipeline.ingest_bronze import JOB as INGEST
from abtest_lib.pipeline.runner import ingesting, run_steps


def run_etl(
    spark: SparkSession, settings: Settings, path: Path | None, lake: str, *, full_refresh: bool = False
) -> list[StepReport]:
    """Ingest a file (None: nothing new), build silver, aggregate gold."""
    steps = {} if path is None else {INGEST: ingesting(str(path))}
    return run_steps(
        Lake(spark, lake), settings, steps | {BUILD: build_silver, AGGREGATE: aggregate_gold}, full_refresh=full_refresh
    )
