"""Groups fitted per second, side by side: the plain way and both engines; `python benchmarks/bayes/run.py`.

Two worker processes share the machine's cores, as two Spark tasks would. Every number of the table counts the whole
way from counts to finished rows: sampling, diagnostics, conjugate draws, all summaries.
"""

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

from abtest_lib.bayes.fit import fit_groups
from abtest_lib.bayes.fit_config import FitConfig
from abtest_lib.bayes.groups import Arm, Group
from abtest_lib.bayes.priors import DEFAULT_PRIOR

RESULTS = Path(__file__).with_name("results.json")
SEED = 20_210_801


@dataclass(frozen=True)
class Measured:
    """One line of the table.

    Attributes:
        way: `plain`, `mcmc` or `exact`.
        groups: Groups fitted.
        wall_per_second: Groups per second of wall-clock time, both workers together.
        cpu_per_second: Groups per second of processor time of one core: what an otherwise idle core would do.
        smallest_ess_bulk: Over all groups; None where draws are independent.
        largest_r_hat: Over all groups.
        refitted: Groups whose diagnostics failed.
        peak_mib: Largest resident memory of a worker, MiB.
    """

    way: str
    groups: int
    wall_per_second: float
    cpu_per_second: float
    smallest_ess_bulk: float | None
    largest_r_hat: float | None
    refitted: int
    peak_mib: float


@dataclass(frozen=True)
class Share:
    """What one worker did."""

    cpu_seconds: float
    smallest_ess_bulk: float | None
    largest_r_hat: float | None
    refitted: int
    peak_mib: float


def traffic(count: int, seed: int) -> Iterator[Group]:
    """Experiments like the sample's: mostly two arms, some three or four, tens to thousands of users, 1 to 30 %."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        arms = int(rng.choice([2, 2, 2, 2, 3, 4]))
        users = np.exp(rng.uniform(np.log(50), np.log(50_000), arms)).astype(int)
        purchases = rng.binomial(users, rng.uniform(0.01, 0.3) * np.exp(0.05 * rng.normal(size=arms)))
        named = tuple(Arm(str(i), int(n), int(x)) for i, (n, x) in enumerate(zip(users, purchases, strict=True)))
        yield Group("to_date", "2021-08-01", f"bench/{seed}/{number}", "purchase", named, control_id="0")


def fit_share(engine: str, count: int, seed: int) -> Share:
    """Fit one worker's groups, keeping no result."""
    began = time.process_time()
    ess, r_hat, refitted = [], [], 0
    for result in fit_groups(traffic(count, seed), FitConfig(engine, DEFAULT_PRIOR, SEED)):
        refitted += result.status != "ok"
        if result.ess_bulk is not None and result.r_hat is not None:
            ess.append(result.ess_bulk)
            r_hat.append(result.r_hat)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cpu = time.process_time() - began
    return Share(cpu, min(ess, default=None), max(r_hat, default=None), refitted, peak)


def measure(pool: ProcessPoolExecutor, workers: int, engine: str, count: int) -> Measured:
    """Fit `count` groups, warm: every shape has been compiled by every worker before."""
    list(pool.map(fit_share, *zip(*[(engine, 60, 900 + i) for i in range(workers)], strict=True)))
    began = time.perf_counter()
    shares = list(pool.map(fit_share, *zip(*[(engine, count // workers, i) for i in range(workers)], strict=True)))
    wall = time.perf_counter() - began
    total = count // workers * workers
    return Measured(
        way=engine,
        groups=total,
        wall_per_second=total / wall,
        cpu_per_second=total / sum(share.cpu_seconds for share in shares),
        smallest_ess_bulk=min((share.smallest_ess_bulk for share in shares if share.smallest_ess_bulk), default=None),
        largest_r_hat=max((share.largest_r_hat for share in shares if share.largest_r_hat), default=None),
        refitted=sum(share.refitted for share in shares),
        peak_mib=max(share.peak_mib for share in shares),
    )


def plain(count: int) -> Measured:
    """The plain way; see `plain.py`."""
    from benchmarks.bayes.plain import smallest_ess  # noqa: PLC0415  compiles nothing in the other ways' workers

    began, cpu = time.perf_counter(), time.process_time()
    ess = smallest_ess(traffic(count, 77))
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Measured("plain", count, count / wall, count / cpu, ess, None, 0, peak)


def main() -> None:
    """Measure and write results.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mcmc", type=int, default=1_000, help="groups for mcmc")
    parser.add_argument("--exact", type=int, default=4_000, help="groups for exact")
    parser.add_argument("--plain", type=int, default=5, help="groups for the plain way; 0 leaves it out")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    lines = []
    with ProcessPoolExecutor(arguments.workers, mp_context=get_context("spawn")) as pool:
        for engine, count in (("exact", arguments.exact), ("mcmc", arguments.mcmc)):
            if count:
                lines.append(measure(pool, arguments.workers, engine, count))
                print(lines[-1], flush=True)
        if arguments.plain:
            lines.append(pool.submit(plain, arguments.plain).result())
            print(lines[-1], flush=True)
    load = os.getloadavg()
    RESULTS.write_text(json.dumps({"load_average": load, "lines": [asdict(line) for line in lines]}, indent=1) + "\n")


if __name__ == "__main__":
    main()
