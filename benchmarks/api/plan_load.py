"""How long results take while others ask for heavy plans, as a ratio to the quiet server; in one run.

python benchmarks/api/plan_load.py [--seconds 10]
"""

import argparse
import http.client
import json
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from soak import PORT, build_lake, serving, wait_until_ready

RESULT = "/experiment/search%7Cranking/result?day=2021-08-01"
PLANNERS = 20


def latencies(seconds: float) -> list[float]:
    """Milliseconds of one result after the other."""
    connection, found = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60), []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.perf_counter()
        connection.request("GET", RESULT)
        connection.getresponse().read()
        found.append(1_000 * (time.perf_counter() - began))
    return found


def plan(number: int, statuses: Counter[int], times: list[float]) -> None:
    """One heavy plan that nobody has asked for before."""
    connection, began = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60), time.monotonic()
    query = f"baseline={0.05 + number / 10_000}&lift=0.1&arms=50&looks=60&rule=planned&points=40"
    connection.request("GET", f"/plan?{query}")
    answer = connection.getresponse()
    answer.read()
    statuses[answer.status] += 1
    times.append(time.monotonic() - began)


def main() -> None:
    """Measure quietly, then under load."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=10)
    seconds = parser.parse_args().seconds
    folder = Path(tempfile.mkdtemp())
    statuses, times = Counter[int](), list[float]()
    with serving(build_lake(folder / "lake"), folder / "cache"):
        wait_until_ready()
        plan(9_999, Counter(), [])  # the process that plans starts once
        quiet = latencies(seconds)
        threads = [threading.Thread(target=plan, args=(number, statuses, times)) for number in range(PLANNERS)]
        for thread in threads:
            thread.start()
        busy = latencies(max(1.0, min(seconds, 3.0)))
        for thread in threads:
            thread.join()
    shutil.rmtree(folder)
    shown = {
        name: [round(float(np.percentile(data, q)), 2) for q in (50, 99)]
        for name, data in (("quiet", quiet), ("busy", busy))
    }
    ratio = round(shown["busy"][1] / shown["quiet"][1], 1)
    slowest = round(max(times), 1)
    print(json.dumps({"p50 and p99 ms": shown, "p99 ratio": ratio, "plans": dict(statuses), "slowest plan s": slowest}))


if __name__ == "__main__":
    main()
