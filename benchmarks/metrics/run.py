"""What a metric catalogue costs: `abtest run` with ten metrics and two segments, against `purchase` alone.

Both runs are cold processes on the same generated events, one after the other, so that a slow hour of the machine slows
both.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ABTEST = (sys.executable, "-P", "-c", "from abtest_cli import main; main()")
METRICS = {
    "orders": {"type": "count", "events": "BUY", "covariate": {"lookback": "7d"}},
    "searches": {"type": "count", "events": "SEARCH", "cap": 50},
    "revenue": {"type": "sum", "events": "BUY", "value": "price", "covariate": {"lookback": "7d"}},
    "capped_revenue": {"type": "sum", "events": "BUY", "value": "price", "cap": 500, "window": "3d"},
    "searches_per_order": {"type": "ratio", "numerator": {"count": "SEARCH"}, "denominator": {"count": "BUY"}},
    "price": {"type": "ratio", "numerator": {"sum": "price", "events": "BUY"}, "denominator": {"count": "BUY"}},
    "checkout": {"type": "conversion", "events": "CHECKOUT_1", "window": "2d"},
    "product": {"type": "conversion", "events": "PRODUCT", "window": "1d"},
    "next_day": {"type": "retention", "from": "1d", "to": "2d"},
}
"""With `purchase` there are ten."""
EXPERIMENTS = ("search/new-ranking", "filters/sort-by-ranking", "vip/shipping-promise", "app/one-tap")


def main() -> None:
    """Measure, and print one line per round and the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = _prepare(Path(folder), given.users)
        seconds: dict[str, list[float]] = {name: [] for name in settings}
        for turn in range(given.rounds):
            for name, environment in settings.items():
                lake = Path(folder) / f"{name}-{turn}"
                began = time.perf_counter()
                _run("run", "--input", f"{folder}/events.csv", "--lake", str(lake), **environment)
                seconds[name].append(time.perf_counter() - began)
                print(f"{name:12} {seconds[name][-1]:6.1f} s", flush=True)
        plain, metrics = (statistics.median(seconds[name]) for name in settings)
        print(f"medians: purchase {plain:.1f} s, ten metrics {metrics:.1f} s, ratio {metrics / plain:.2f}")


def _prepare(folder: Path, users: int) -> dict[str, dict[str, str]]:
    """Write events, catalogue and registry; return the environments of the two runs."""
    _run("generate", "--users", str(users), "--days", "14", "--columns", "--out", f"{folder}/events.csv")
    (folder / "metrics.yaml").write_text(yaml.safe_dump({"metrics": METRICS}), encoding="utf-8")
    declared = {name: {"segments": ["site", "device"]} for name in EXPERIMENTS}
    (folder / "registry.yaml").write_text(yaml.safe_dump({"experiments": declared}), encoding="utf-8")
    columns = "{price: double, device: string}"
    common = {"ABTEST_ENGINE": "exact", "ABTEST_FALLBACK_VARIANTS": "DEFAULT", "ABTEST_EVENT_COLUMNS": columns}
    own = {"ABTEST_METRICS": f"{folder}/metrics.yaml", "ABTEST_REGISTRY": f"{folder}/registry.yaml"}
    return {"purchase": common, "ten metrics": common | own}


def _run(*arguments: str, **environment: str) -> None:
    done = subprocess.run([*ABTEST, *arguments], env=os.environ | environment, stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        sys.exit(done.returncode)


if __name__ == "__main__":
    main()
