"""The whole pipeline against a Spark Connect server, as on Databricks serverless, against a classic run."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from abtest_lib.config import load_settings
from abtest_lib.contracts import ALL_TABLES, EVENTS, TableContract
from abtest_lib.spark.submit_conf import submit_command
from tests.cluster.lakes import ROOT, Contents, Input, contents, differences, make_input, run_locally
from tests.cluster.standalone import HOST, free_port, until

pytestmark = [pytest.mark.connect, pytest.mark.spark_only]

SERVER = "org.apache.spark.sql.connect.service.SparkConnectServer"
COMMITS = """
import sys
from pyspark.sql import SparkSession
from abtest_lib.lake.delta_log import _last_commit_by_spark
spark = SparkSession.builder.getOrCreate()
assert type(spark).__module__.startswith("pyspark.sql.connect"), type(spark)
for path in sys.argv[1:]:
    print(path, _last_commit_by_spark(spark, path))
"""


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Input:
    return make_input(tmp_path_factory.mktemp("input"), users=120, days=2)


@pytest.fixture(scope="module")
def expected(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, given: Input) -> Contents:
    lake = tmp_path_factory.mktemp("classic") / "lake"
    run_locally(given, lake)
    return contents(spark, lake)


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Connect server with Delta Lake, a process of its own."""
    port, folder = free_port(), tmp_path_factory.mktemp("server")
    settings = load_settings(overrides={"spark_master": "local[2]", "driver_memory": "2g"})
    binding = {"address": HOST, "port": port}
    options = [f"--conf=spark.connect.grpc.binding.{key}={value}" for key, value in binding.items()]
    command = [*submit_command(settings, "local", None, None, uses_s3=False), *options, "--class", SERVER]
    environment = os.environ | {"PYSPARK_PYTHON": sys.executable, "PYTHONPATH": str(ROOT)}
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
    try:
        until(lambda: server.poll() is not None or _listens(port), "the Connect server listens")
        assert server.poll() is None, (folder / "log").read_text(encoding="utf-8")
        yield f"sc://{HOST}:{port}"
    finally:
        server.terminate()
        server.wait()


def _listens(port: int) -> bool:
    import socket  # noqa: PLC0415  only here

    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def run(command: list[str], given: Input, remote: str) -> str:
    environment = given.environment() | {"SPARK_REMOTE": remote}
    done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_connect_session_gives_the_tables_of_a_classic_one(
    spark: SparkSession, given: Input, expected: Contents, remote: str, tmp_path: Path
) -> None:
    lake = tmp_path / "lake"
    job = [str(ROOT / "jobs" / "run_pipeline.py"), "--profile", "databricks", *given.arguments(lake)]
    run(job, given, remote)
    assert differences(expected, contents(spark, lake)) == []
    before = {contract.full_name: _versions(contract, lake) for contract in ALL_TABLES if contract.layer != "ops"}
    run(job, given, remote)
    after = {contract.full_name: _versions(contract, lake) for contract in ALL_TABLES if contract.layer != "ops"}
    assert before == after


def _versions(contract: TableContract, lake: Path) -> int:
    return len(list((Path(contract.path(str(lake))) / "_delta_log").glob("*.json")))


def test_commits_are_read_by_sql_where_the_log_is_not_within_reach(
    given: Input, expected: Contents, remote: str, tmp_path: Path
) -> None:
    del expected
    lake = tmp_path / "lake"
    run([str(ROOT / "jobs" / "ingest_bronze.py"), "--profile", "databricks", *given.arguments(lake)], given, remote)
    (tmp_path / "empty").mkdir()
    paths = [EVENTS.path(str(lake)), str(tmp_path / "nothing"), str(tmp_path / "empty")]
    there, nothing, empty = run(["-c", COMMITS, *paths], given, remote).splitlines()
    assert "Commit(version=0, operation='WRITE'" in there
    assert nothing.endswith(" None")
    assert empty.endswith(" None")
