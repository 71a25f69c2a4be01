"""A job that prints which Python and which suite its executors use, a JSON line for each."""

import json
import os
import sys
import time

from pyspark.sql import SparkSession


def look(batches):  # noqa: ANN001, ANN201  runs on the executor
    import pyarrow as pa  # noqa: PLC0415

    import abtest_lib  # noqa: PLC0415

    for _ in batches:
        time.sleep(2)  # long enough that both executors get a task
        facts = {"python": sys.executable, "suite": abtest_lib.__file__, "folder": os.getcwd()}  # noqa: PTH109
        yield pa.RecordBatch.from_pylist([{"facts": json.dumps(facts)}])


if __name__ == "__main__":
    spark = SparkSession.builder.getOrCreate()
    seen = spark.range(0, 4, 1, 4).mapInArrow(look, "facts string").collect()
    sys.stdout.write("".join(f"probe {line}\n" for line in sorted({row["facts"] for row in seen})))
