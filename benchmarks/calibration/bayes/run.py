"""Measure calibration of the posteriors, write results.json: `python benchmarks/calibration/bayes/run.py [--quick]`."""

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from benchmarks.calibration.bayes import agreement, coverage, metrics, sbc

SEED = 20_210_801
RESULTS = Path(__file__).with_name("results.json")


def main() -> None:
    """Run every part and write each as soon as it is done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the simulations")
    parser.add_argument("--part", choices=("sbc", "agreement", "coverage", "metrics"), help="only one part")
    arguments = parser.parse_args()
    share = 10 if arguments.quick else 1
    parts = {
        "sbc": lambda: {engine: _sbc(engine, 1_000 // share) for engine in ("exact", "mcmc")},
        "agreement": lambda: asdict(agreement.compare(agreement.random_groups(500 // share, SEED), SEED)),
        "coverage": lambda: [asdict(item) for item in coverage.measure()],
        "metrics": lambda: _metrics(1_000 // share),
    }
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    for name, part in parts.items():
        if arguments.part in {None, name}:
            began = time.perf_counter()
            results[name] = part()
            print(name, f"{time.perf_counter() - began:.0f} s", json.dumps(results[name])[:400])
            if not arguments.quick:
                RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def _sbc(engine: str, groups: int) -> dict[str, object]:
    ranks = sbc.ranks(sbc.simulate(groups, SEED), engine, SEED)
    return {"groups": groups, "level": sbc.LEVEL, "p_values": sbc.p_values(ranks)}


def _metrics(count: int) -> dict[str, object]:
    cases = metrics.simulate(count, SEED)
    p_values = {name: metrics.p_values(metrics.ranks(cases, name, SEED)) for name in ("exact", "mcmc")}
    return {"p_values": p_values, "coverage": [asdict(item) for item in metrics.coverage(count, SEED)]}


if __name__ == "__main__":
    main()
