"""One run of the project, from raw events to gold counts; the session's start is not counted.

python benchmarks/etl/project_etl.py embedded|spark INPUT LAKE TIME_ZONE [WINDOW]
"""

import json
import sys
import time

from abtest_lib.config import load_settings
from abtest_lib.ingest.input_files import local_text_bytes
from abtest_lib.lake.lake import open_lake
from abtest_lib.pipeline.aggregate_gold import AGGREGATE_GOLD
from abtest_lib.pipeline.build_silver import BUILD_SILVER
from abtest_lib.pipeline.ingest_bronze import ingest_bronze
from abtest_lib.pipeline.runner import run_steps
from abtest_lib.spark.session import keep_classes


def main() -> None:
    """Run and print what it took, by step."""
    compute, source, path, timezone, *window = sys.argv[1:]
    overrides = {
        "compute": compute,
        "reporting_timezone": timezone,
        "attribution_window": window[0] if window else None,
    }
    settings = load_settings(overrides=overrides)
    steps = [ingest_bronze(source), BUILD_SILVER, AGGREGATE_GOLD]
    with open_lake(settings, path, input_path=source, input_bytes=local_text_bytes(source)) as lake:
        began = time.perf_counter()
        reports = run_steps(lake, settings, steps)
        seconds = time.perf_counter() - began
        if not lake.runs_python_here:
            keep_classes(lake.session)
    print(json.dumps({"seconds": seconds, "steps": {report.job: report.seconds for report in reports}}))


if __name__ == "__main__":
    main()
