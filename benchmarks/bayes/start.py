"""How long a person waits for posteriors: `python benchmarks/bayes/start.py`; cold, and with a compilation cache.

Each line is a new session whose start, with a first trip through its Python workers, is not counted: the Bayesian
stage fits one experiment, then a whole sample's worth (149 groups by day, 92 to date, mostly two arms), with `mcmc`.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from datetime import date
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from abtest_lib.bayes.fit_config import FitConfig
from abtest_lib.bayes.priors import DEFAULT_PRIOR
from abtest_lib.bayes.spark_udf import fit_partition
from abtest_lib.config import load_settings
from abtest_lib.contracts import POSTERIORS
from abtest_lib.spark.session import build_session
from benchmarks.bayes.run import traffic

FIRST, ALL = 1, 240
SEED = 20_210_801
DAY = date(2021, 8, 1)


def measure() -> None:
    """In a process of its own: seconds until one posterior is there, then until all are."""
    spark = build_session(load_settings())
    # The steps before have used the JVM and its Python workers, though not JAX.
    spark.range(2).mapInArrow(lambda batches: batches, "id bigint").collect()
    schema = (
        "window string, metric string, day date, experiment_name string, "
        "arms array<struct<variant_id: string, users: bigint, purchases: bigint>>, control_id string"
    )
    for count in (FIRST, ALL):
        rows = [
            (
                "to_date",
                "purchase",
                DAY,
                group.experiment_name,
                [(arm.variant_id, arm.users, arm.purchases) for arm in group.arms],
                group.control_id,
            )
            for group in traffic(count, count)
        ]
        frame = spark.createDataFrame(rows, schema).repartition(1 if count == FIRST else 2)
        began = time.perf_counter()
        fitted = frame.mapInArrow(partial(fit_partition, config=FitConfig("mcmc", DEFAULT_PRIOR, SEED)), POSTERIORS.ddl)
        statuses = {row["status"] for row in fitted.select("status").collect()}
        print(f"  {count:>4} groups: {time.perf_counter() - began:5.1f} s, {', '.join(sorted(statuses))}", flush=True)


def main() -> None:
    """Measure cold, then warm."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    if parser.parse_args().inside:
        measure()
        return
    with tempfile.TemporaryDirectory() as cache:
        for name in ("cold", "warm cache"):
            print(name, flush=True)
            environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": cache}
            subprocess.run([sys.executable, __file__, "--inside"], env=environment, check=True)


if __name__ == "__main__":
    main()
