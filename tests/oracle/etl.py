"""The part of the pipeline that the oracle knows: raw events to gold counts."""

from pathlib import Path

from pyspark.sql import SparkSession

from abtest_lib.config import Settings
from abtest_lib.lake.lake import Lake
from abtest_lib.pipeline.aggregate_gold import AGGREGATE_GOLD
from abtest_lib.pipeline.build_silver import BUILD_SILVER
from abtest_lib.pipeline.history import StepReport
from abtest_lib.pipeline.ingest_bronze import ingest_bronze
from abtest_lib.pipeline.runner import run_steps


def run_etl(
    spark: SparkSession, settings: Settings, path: Path | None, lake: str, *, full_refresh: bool = False
) -> list[StepReport]:
    """Ingest a file (None: nothing new), build silver, aggregate gold."""
    steps = [] if path is None else [ingest_bronze(str(path))]
    return run_steps(Lake(spark, lake), settings, [*steps, BUILD_SILVER, AGGREGATE_GOLD], full_refresh=full_refresh)
