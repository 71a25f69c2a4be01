"""One run of the project, from raw events to gold counts; the session's start is not counted.

python benchmarks/etl/project_etl.py INPUT LAKE TIME_ZONE [WINDOW]
"""

import json
import sys
import time

from abtest_lib.config import load_settings
from abtest_lib.lake.lake import Lake
from abtest_lib.pipeline.aggregate_gold import JOB as AGGREGATE
from abtest_lib.pipeline.aggregate_gold import aggregate_gold
from abtest_lib.pipeline.build_silver import JOB as BUILD
from abtest_lib.pipeline.build_silver import build_silver
from abtest_lib.pipeline.ingest_bronze import JOB as INGEST
from abtest_lib.pipeline.runner import ingesting, run_steps
from abtest_lib.spark.session import build_session, keep_classes
from abtest_lib.spark.source import local_text_bytes


def main() -> None:
    """Run and print what it took, by step."""
    source, lake, timezone, *window = sys.argv[1:]
    overrides = {"reporting_timezone": timezone, "attribution_window": window[0] if window else None}
    settings = load_settings(overrides=overrides)
    spark = build_session(settings, "benchmark", local_text_bytes(source))
    steps = {INGEST: ingesting(source), BUILD: build_silver, AGGREGATE: aggregate_gold}
    began = time.perf_counter()
    reports = run_steps(Lake(spark, lake), settings, steps)
    seconds = time.perf_counter() - began
    keep_classes(spark)
    print(json.dumps({"seconds": seconds, "steps": {report.job: report.seconds for report in reports}}))


if __name__ == "__main__":
    main()
