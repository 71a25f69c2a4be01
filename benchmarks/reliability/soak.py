"""Kills at random instants, and many pipelines at once: `python benchmarks/reliability/soak.py`; README.md says what.

    python benchmarks/reliability/soak.py [--kills 100] [--pipelines 20] [--lake s3a://bucket/prefix] [--work DIR]

Results are appended to results.json after every round, and a run that was stopped goes on where it was.
"""

import argparse
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from deltalake import DeltaTable

from abtest_lib.contracts import EVENTS, GOLD_TABLES, QUARANTINE, RUNS
from abtest_lib.storage import delta_rs_location, delta_rs_options

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
COMMAND = [sys.executable, "-c", "from abtest_cli import main; main()"]
ENVIRONMENT = os.environ | {"ABTEST_ENGINE": "exact", "ABTEST_DRIVER_MEMORY": "2g"}
VOLATILE = {"ingested_at", "quarantined_at", "source_file"}
LAKES = 3
"""Lakes take turns, so that the lease of a killed driver runs out while another lake's run is under way."""

KILLS_A_LAKE = 5
"""A lake's runs are killed so often before it is healed and compared."""


def abtest(*arguments: str) -> None:
    """Run the command line to its end; fails with what it said."""
    done = subprocess.run([*COMMAND, *arguments], env=ENVIRONMENT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"abtest {' '.join(arguments)} failed: {done.stderr}")


def contents(lake: str) -> dict[str, Counter[str]]:
    """Every row of bronze, quarantine and gold; silver has marks that delta-rs does not read, and gold hangs on it."""
    found = {}
    for contract in (EVENTS, QUARANTINE, *GOLD_TABLES):
        table = DeltaTable(delta_rs_location(contract.path(lake)), storage_options=delta_rs_options(lake))
        rows = table.to_pyarrow_table(columns=[name for name in contract.column_names if name not in VOLATILE])
        found[contract.full_name] = Counter(map(str, rows.to_pylist()))
    return found


def compare(lake: str, expected: dict[str, Counter[str]]) -> dict[str, int]:
    """How many rows are lost and how many too many, over all tables."""
    found = contents(lake)
    lost = sum((expected[name] - found[name]).total() for name in expected)
    extra = sum((found[name] - expected[name]).total() for name in expected)
    return {"lost": lost, "extra": extra}


def overlaps(lake: str) -> int:
    """How many runs of a lake began before the one before them had ended."""
    steps = DeltaTable(RUNS.path(lake)).to_pyarrow_table(columns=["run_id", "started_at", "finished_at"])
    runs = steps.group_by("run_id").aggregate([("started_at", "min"), ("finished_at", "max")])
    spans = sorted(zip(runs["started_at_min"].to_pylist(), runs["finished_at_max"].to_pylist(), strict=True))
    return sum(later[0] < earlier[1] for earlier, later in itertools.pairwise(spans))


def make_batches(work: Path) -> list[Path]:
    """Six days of traffic in two files that overlap."""
    whole = work / "all.csv"
    if not whole.exists():
        abtest("generate", "--users", "400", "--days", "6", "--dirty", "0.03", "--out", str(whole))
    header, *lines = whole.read_bytes().splitlines(keepends=True)
    cut = len(lines) // 2
    batches = [work / "first.csv", work / "second.csv"]
    for path, part in zip(batches, (lines[:cut], lines[cut - 200 :]), strict=True):
        path.write_bytes(header + b"".join(part))
    return batches


def kill_at_random(lake: str, batch: Path, chance: random.Random, longest: float) -> str | None:
    """Start a run, kill it or one of its Python workers at random: what was killed, or None if it was over."""
    process = subprocess.Popen(
        [*COMMAND, "run", "--input", str(batch), "--lake", lake, "--wait", "120"],
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    is_worker, until = chance.random() < 0.25, time.monotonic() + chance.uniform(0.5, longest)
    workers: list[int] = []
    # Python workers live for a few seconds of a run: their instant counts from when the first is seen.
    while process.poll() is None and (time.monotonic() < until or (is_worker and not workers)):
        time.sleep(0.02)
        if is_worker and not workers and (workers := list(_python_workers(process.pid))):
            until = time.monotonic() + chance.uniform(0.0, 3.0)
    if process.poll() is not None:
        return None
    if is_worker and (workers := list(_python_workers(process.pid))):
        os.kill(chance.choice(workers), signal.SIGKILL)
        process.wait()
        return "python worker"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return "driver"


def _python_workers(leader: int) -> Iterator[int]:
    """Spark's Python workers in the session of a driver."""
    for entry in Path("/proc").iterdir():
        try:
            is_theirs = entry.name.isdigit() and os.getsid(int(entry.name)) == leader
            if is_theirs and b"pyspark.daemon" in (entry / "cmdline").read_bytes():
                yield int(entry.name)
        except OSError:
            continue


def soak_kills(work: Path, lake: str | None, kills: int) -> None:
    """Rounds of kills, each followed by runs to the end and a comparison."""
    batches, results = make_batches(work), _results()
    expected, seconds = _undisturbed(work, batches)
    place = "s3" if lake else "local"
    rounds = [item for item in results if item["what"] == f"kills, {place}"]
    done = sum(sum(item["killed"].values()) for item in rounds)
    while done < kills:
        targets = [f"{(lake or str(work)).rstrip('/')}/kills-{len(rounds)}-{number}" for number in range(LAKES)]
        if not lake:
            for target in targets:
                shutil.rmtree(target, ignore_errors=True)
        chance, killed = random.Random(len(rounds)), Counter[str]()  # noqa: S311  a round can be repeated
        for turn in range(KILLS_A_LAKE):
            which = turn % len(batches)
            for target in targets:
                victim = kill_at_random(target, batches[which], chance, seconds[which])
                if victim is not None:
                    killed[victim] += 1
        outcome = Counter[str]()
        for target in targets:
            for batch in batches:
                abtest("run", "--input", str(batch), "--lake", target, "--wait", "120")
            outcome.update(compare(target, expected))
        done += killed.total()
        rounds.append({"what": f"kills, {place}", "killed": dict(killed), "lakes": LAKES, **outcome})
        _keep(results, rounds[-1])


def soak_pipelines(work: Path, count: int) -> None:
    """Pipelines started together on one lake, each with a share of the events; then all batches must be there once."""
    make_batches(work)
    header, *lines = (work / "all.csv").read_bytes().splitlines(keepends=True)
    lake = str(work / "together")
    shutil.rmtree(lake, ignore_errors=True)
    shares = work / "shares"
    shares.mkdir(exist_ok=True)
    for number in range(count):
        (shares / f"{number}.csv").write_bytes(header + b"".join(lines[number::count]))
    began = time.perf_counter()
    running = [
        subprocess.Popen(
            [*COMMAND, "run", "--input", str(shares / f"{number}.csv"), "--lake", lake, "--wait", "7200"],
            env=ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for number in range(count)
    ]
    codes = Counter(process.wait() for process in running)
    whole = str(work / "alone")
    shutil.rmtree(whole, ignore_errors=True)
    abtest("run", "--input", str(work / "all.csv"), "--lake", whole)
    outcome = compare(lake, contents(whole)) | {"exit_codes": {str(code): times for code, times in codes.items()}}
    outcome |= {"overlaps": overlaps(lake)}
    took = {"seconds": round(time.perf_counter() - began)}
    _keep(_results(), {"what": f"{count} pipelines at once", **outcome, **took})


def _undisturbed(work: Path, batches: list[Path]) -> tuple[dict[str, Counter[str]], list[float]]:
    """What a lake holds that nothing happened to, and the seconds that each of its runs took."""
    lake, seconds = work / "undisturbed", []
    shutil.rmtree(lake, ignore_errors=True)
    for batch in batches:
        began = time.monotonic()
        abtest("run", "--input", str(batch), "--lake", str(lake))
        seconds.append(time.monotonic() - began)
    return contents(str(lake)), seconds


def _results() -> list[dict[str, Any]]:
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else []


def _keep(results: list[dict[str, Any]], outcome: dict[str, Any]) -> None:
    results.append(outcome)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(outcome), flush=True)


def main() -> None:
    """Soak."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--pipelines", type=int, default=20, help="0 leaves it out")
    parser.add_argument("--lake", help="an object-store prefix for the lakes; without it they are on the local disk")
    parser.add_argument("--work", type=Path, default=HERE / "work")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    soak_kills(given.work, given.lake, given.kills)
    if given.pipelines:
        soak_pipelines(given.work, given.pipelines)


if __name__ == "__main__":
    main()
