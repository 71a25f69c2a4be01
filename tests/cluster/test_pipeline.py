"""The whole pipeline on a real cluster, with losses, against a run on one machine."""

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.cluster.lakes import ROOT, Contents, Input, contents, differences, launch, make_input, run_locally
from tests.cluster.standalone import HOST, Cluster, free_port, running

pytestmark = [pytest.mark.cluster, pytest.mark.spark_only]

ARCHIVE = ROOT / "dist" / "abtest-environment.tar.gz"
PROBE = Path(__file__).with_name("probe.py")


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Input:
    assert ARCHIVE.exists(), f"no packed environment at {ARCHIVE}: run make package"
    return make_input(tmp_path_factory.mktemp("input"), users=200, days=3)


@pytest.fixture(scope="module")
def expected(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, given: Input) -> Contents:
    """The tables of a run on one machine."""
    lake = tmp_path_factory.mktemp("local") / "lake"
    run_locally(given, lake)
    return contents(spark, lake)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with running(tmp_path / "cluster") as started:
        yield started


def submit(cluster: Cluster, given: Input, job: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    where = ["--profile", "standalone", "--master", cluster.url, "--archive", str(ARCHIVE)]
    conf = {"spark.driver.host": HOST, "spark.executor.memory": "1g", "spark.driver.memory": "1g"}
    options = [part for key, value in conf.items() for part in ("--conf", f"{key}={value}")]
    return launch(given, [job, *where, *options, *arguments], **environment)


def test_executors_run_the_archives_python(cluster: Cluster, given: Input) -> None:
    process = submit(cluster, given, str(PROBE))
    output, _ = process.communicate()
    assert process.returncode == 0, output
    print(output)  # noqa: T201  the proof, for pytest -s
    seen = [json.loads(line.removeprefix("probe ")) for line in output.splitlines() if line.startswith("probe ")]
    assert sorted(cluster.worker_at(facts["folder"]) for facts in seen) == [0, 1]
    for facts in seen:
        environment = Path(facts["folder"]) / "environment"
        assert Path(facts["python"]).parent.resolve() == (environment / "bin").resolve()
        assert Path(facts["suite"]).is_relative_to(environment)


def test_a_cluster_gives_the_tables_of_one_machine(
    spark: SparkSession, cluster: Cluster, given: Input, expected: Contents, tmp_path: Path
) -> None:
    """And so do other numbers of partitions."""
    lake = tmp_path / "lake"
    process = submit(cluster, given, "run_pipeline", *given.arguments(lake), ABTEST_SHUFFLE_PARTITIONS="7")
    log, _ = process.communicate()
    assert process.returncode == 0, log
    assert differences(expected, contents(spark, lake)) == []


class Watched:
    """A pipeline under way on a cluster, and what it has said so far."""

    def __init__(self, cluster: Cluster, given: Input, lake: Path) -> None:
        self._cluster, self._page = cluster, free_port()
        page = ("--conf", f"spark.ui.port={self._page}")
        self.process = submit(cluster, given, "run_pipeline", *page, *given.arguments(lake))
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as said:
            self.lines.extend(iter(said.readline, ""))

    def kill_a_busy_worker_during(self, step: str) -> None:
        while self.process.poll() is None:
            if any(f"job={step}" in line for line in list(self.lines)):
                busy = self._cluster.busy_worker(self._page)
                if busy is not None:
                    self._cluster.kill_worker(busy)
                    return
            time.sleep(0.02)
        pytest.fail("the pipeline ended before a worker was killed:\n" + "".join(self.lines))

    def ended(self) -> str:
        """What it said, when it is done."""
        self.process.wait()
        self._reader.join()
        return "".join(self.lines)


@pytest.mark.parametrize("step", ["ingest_bronze", "build_silver", "fit_bayes"])
def test_a_lost_worker_changes_nothing(
    spark: SparkSession, cluster: Cluster, given: Input, expected: Contents, tmp_path: Path, step: str
) -> None:
    lake = tmp_path / "lake"
    watched = Watched(cluster, given, lake)
    watched.kill_a_busy_worker_during(step)
    log = watched.ended()
    assert watched.process.returncode == 0, log
    started, lost, finished = (log.index(text) for text in (f"job={step}", "Lost executor", f'finished" job={step}'))
    assert started < lost < finished, log
    assert cluster.alive_workers() == 1
    assert differences(expected, contents(spark, lake)) == []
