"""Runs of the command line on a store's lakes, and what is in a lake after them."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from deltalake import DeltaTable

from abtest_lib.contracts import GOLD_TABLES, QUARANTINE
from abtest_lib.storage import delta_rs_location, delta_rs_options
from tests.s3.store import Store

PATIENCE = 900
COMMAND = (sys.executable, "-c", "from abtest_cli import main; main()")
METRICS = str(Path(__file__).parents[1] / "metrics.yaml")
SETTINGS = {"ABTEST_ENGINE": "exact", "ABTEST_DRIVER_MEMORY": "2g", "ABTEST_METRICS": METRICS}
COMPARED = (*GOLD_TABLES, QUARANTINE)
VOLATILE = {"quarantined_at", "source_file"}


def abtest(*arguments: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, as people do."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env=os.environ | SETTINGS | environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def contents(lake: str) -> dict[str, Counter[str]]:
    """Every row of the gold tables and of quarantine, as delta-rs reads them."""
    found = {}
    for contract in COMPARED:
        table = DeltaTable(delta_rs_location(contract.path(lake)), storage_options=delta_rs_options(lake))
        rows = table.to_pyarrow_table(columns=[name for name in contract.column_names if name not in VOLATILE])
        found[contract.full_name] = Counter(map(str, rows.to_pylist()))
    return found


def copied(store: Store, lake: str, name: str) -> str:
    """A copy of a lake; objects are files of the server, attributes included."""
    source, target = store.folder / lake.removeprefix("s3a://"), store.folder / "lakes" / name
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)
    return f"s3a://lakes/{name}"
