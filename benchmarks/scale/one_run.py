"""One run of the whole pipeline in a process of its own; prints what its steps and tasks took.

python benchmarks/scale/one_run.py EVENTS.csv LAKE EVENT_LOG_FOLDER PARTITIONS
"""

import json
import sys
import time
from pathlib import Path

from abtest_lib.config import load_settings
from abtest_lib.lake.lake import Lake
from abtest_lib.pipeline.runner import run_pipeline
from abtest_lib.spark.session import build_session


def main() -> None:
    """Run and print seconds by step, and what the tasks of all stages took."""
    source, lake, log, partitions = sys.argv[1:]
    Path(log).mkdir(parents=True)
    log_conf = {"spark.eventLog.enabled": "true", "spark.eventLog.compress": "false"}
    log_conf["spark.eventLog.dir"] = Path(log).as_uri()
    overrides = {"engine": "exact", "shuffle_partitions": int(partitions), "spark_conf": log_conf}
    settings = load_settings(overrides=overrides)
    spark = build_session(settings, "scale")
    began = time.perf_counter()
    reports = run_pipeline(Lake(spark, lake), settings, source)
    seconds = time.perf_counter() - began
    spark.stop()
    steps = {report.job: report.seconds for report in reports}
    told = {"seconds": seconds, "steps": steps, "rows_read": reports[0].rows_read, **_tasks(Path(log))}
    print(json.dumps(told))


def _tasks(log: Path) -> dict[str, float]:
    """Processor seconds of the tasks, from Spark's event log; those of Python workers are not among them.

    The run time of a cluster of any size is at least its longest task; `longest_path` adds up the longest task of
    every stage, which is what a cluster with a core for each task would take, were all stages to wait for each other.
    """
    seconds: dict[int, list[float]] = {}
    keyed = [0.0]
    spilled = 0
    for file in log.rglob("events_*"):
        for line in file.read_text(encoding="utf-8").splitlines():
            event = json.loads(line)
            metrics = event.get("Task Metrics")
            if event["Event"] == "SparkListenerTaskEnd" and metrics:
                seconds.setdefault(event["Stage ID"], []).append(metrics["Executor CPU Time"] / 1e9)
                spilled += metrics["Disk Bytes Spilled"]
                if metrics["Shuffle Read Metrics"]["Total Records Read"]:
                    keyed.append(seconds[event["Stage ID"]][-1])
    return {
        "task_seconds": sum(map(sum, seconds.values())),
        "longest_task": max(map(max, seconds.values())),
        "longest_keyed_task": max(keyed),
        "longest_path": sum(map(max, seconds.values())),
        "spilled_mb": spilled / 1e6,
    }


if __name__ == "__main__":
    main()
