"""spark-submit.sh: what it would run, what it refuses, and that it passes on what comes back."""

import os
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

HERE = Path(__file__).parents[2]
MASTER = "spark://127.0.0.1:7077"
FAKE_SUBMIT = """#!/bin/sh
printf '%s\\n' "$PYTHONPATH" "${PYSPARK_PYTHON:-unset}" "$@" > "$RECORD"
exit 7
"""


def launch(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ABTEST_", "PYSPARK_", "SPARK_"))}
    full = kept | {"PYSPARK_DRIVER_PYTHON": sys.executable, "PYTHONPATH": ""} | environment
    script = str(HERE / "spark-submit.sh")
    return subprocess.run([script, *arguments], capture_output=True, text=True, check=False, env=full)


def dry_run(*arguments: str, **environment: str) -> list[str]:
    """The words of the command that would be run, as a shell reads them."""
    done = launch(*arguments, "--dry-run", **environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    return shlex.split(done.stdout)


def conf_of(command: list[str]) -> dict[str, str]:
    pairs = [after.split("=", 1) for word, after in pairwise(command) if word == "--conf"]
    assert len(pairs) > 1
    return {key: value for key, value in pairs}  # noqa: C416  the lists are pairs


def option(command: list[str], name: str) -> str | None:
    return command[command.index(name) + 1] if name in command else None


def fake_spark(folder: Path, spark: str, scala: str) -> Path:
    (folder / "jars").mkdir(parents=True)
    (folder / "bin").mkdir()
    (folder / "jars" / f"spark-core_{scala}-{spark}.jar").touch()
    (folder / "jars" / "hadoop-client-api-3.4.7.jar").touch()
    submit = folder / "bin" / "spark-submit"
    submit.write_text(FAKE_SUBMIT, encoding="utf-8")
    submit.chmod(0o755)
    return folder


def test_help_names_the_jobs_and_the_profiles() -> None:
    for arguments in ([], ["--help"]):
        done = launch(*arguments)
        assert done.returncode == 0
        assert all(name in done.stdout for name in ("run_pipeline", "fit_bayes", "standalone", "emr", "--dry-run"))


def test_a_local_run_as_a_command() -> None:
    command = dry_run("run_pipeline", "--input", "my events.csv", "--lake", "it's a lake")
    assert command[0] == f"PYTHONPATH={HERE}:"[:-1]
    assert Path(command[1]).name == "spark-submit"
    assert option(command, "--master") == "local[*,4]"
    assert conf_of(command)["spark.pyspark.python"] == sys.executable
    assert command[-5:] == [str(HERE / "jobs/run_pipeline.py"), "--input", "my events.csv", "--lake", "it's a lake"]


def test_a_cluster_run_takes_its_python_from_the_archive(tmp_path: Path) -> None:
    archive = tmp_path / "environment.tar.gz"
    archive.touch()
    arguments = ("decide", "--profile", "standalone", "--master", MASTER, "--lake", "/lake")
    command = dry_run(*arguments, "--archive", str(archive))
    assert command == dry_run(*arguments, ABTEST_ARCHIVE=str(archive))
    assert option(command, "--master") == MASTER
    assert option(command, "--archives") == f"{archive}#environment"
    conf = conf_of(command)
    assert conf["spark.pyspark.python"] == "./environment/bin/python"
    assert conf["spark.pyspark.driver.python"] == sys.executable
    assert conf["spark.sql.extensions"] == "io.delta.sql.DeltaSparkSessionExtension"
    assert "intra_op_parallelism_threads=1" in conf["spark.executorEnv.XLA_FLAGS"]
    assert command[-5:] == [str(HERE / "jobs/decide.py"), "--profile", "standalone", "--lake", "/lake"]


@pytest.mark.parametrize(
    ("spark", "scala", "package"),
    [
        ("3.5.4", "2.12", "io.delta:delta-spark_2.12:3.3.3"),
        ("4.0.9", "2.13", "io.delta:delta-spark_2.13:4.0.1"),
        ("4.1.0", "2.13", "io.delta:delta-spark_4.1_2.13:4.4.0"),
    ],
)
def test_the_packages_are_those_for_the_spark_at_hand(tmp_path: Path, spark: str, scala: str, package: str) -> None:
    home = fake_spark(tmp_path / "spark", spark, scala)
    arguments = ("decide", "--profile", "standalone", "--master", MASTER, "--archive", "none")
    command = dry_run(*arguments, SPARK_HOME=str(home))
    assert command[1] == str(home / "bin" / "spark-submit")
    assert conf_of(command)["spark.jars.packages"] == package


def test_a_lake_on_s3_brings_the_s3a_of_sparks_own_hadoop(tmp_path: Path) -> None:
    home = fake_spark(tmp_path / "spark", "4.0.9", "2.13")
    arguments = ("decide", "--profile", "standalone", "--master", MASTER, "--archive", "none", "--lake=s3a://b/lake")
    conf = conf_of(dry_run(*arguments, SPARK_HOME=str(home), AWS_ENDPOINT_URL="http://127.0.0.1:9000"))
    assert conf["spark.jars.packages"].split(",")[1:] == ["org.apache.hadoop:hadoop-aws:3.4.7"]
    assert conf["spark.hadoop.fs.s3a.endpoint"] == "http://127.0.0.1:9000"


def test_emr_runs_the_driver_on_the_cluster_with_the_platforms_jars() -> None:
    command = dry_run("s3://b/run_pipeline.py", "--profile=emr", "--archive=s3://b/e.tar.gz", "--lake=s3a://b/lake")
    assert option(command, "--master") == "yarn"
    assert option(command, "--archives") == "s3://b/e.tar.gz#environment"
    conf = conf_of(command)
    assert conf["spark.submit.deployMode"] == "cluster"
    assert "spark.pyspark.driver.python" not in conf
    assert "spark.jars.packages" not in conf
    assert conf["spark.jars"].startswith("/usr/share/aws/delta/")
    assert command[-4:] == ["s3://b/run_pipeline.py", "--profile", "emr", "--lake=s3a://b/lake"]


def test_databricks_leaves_everything_to_the_platform() -> None:
    command = dry_run("decide", "--profile", "databricks", "--lake", "/Volumes/lake")
    assert "--master" not in command
    assert "spark.jars.packages" not in " ".join(command)


def test_own_settings_come_last() -> None:
    command = dry_run("decide", "--conf", "spark.driver.memory=9g", "--conf=spark.a=b c", "--lake", "l")
    assert command.index("spark.driver.memory=9g") > command.index("spark.driver.memory=6g")
    assert command.index("spark.a=b c") > command.index("spark.driver.memory=6g")
    assert command[-3:] == [str(HERE / "jobs/decide.py"), "--lake", "l"]


def test_the_exit_code_comes_back(tmp_path: Path) -> None:
    home, record = fake_spark(tmp_path / "spark", "4.0.5", "2.13"), tmp_path / "record"
    cluster = ("--profile", "standalone", "--master", MASTER, "--archive", "none", "--lake", "a b")
    environment = {"SPARK_HOME": str(home), "RECORD": str(record), "PYSPARK_PYTHON": "./nowhere/bin/python"}
    planned = dry_run("decide", *cluster, **environment)
    assert not record.exists()
    assert launch("decide", *cluster, **environment).returncode == 7
    python_path, pyspark_python, *arguments = record.read_text().splitlines()
    assert python_path == str(HERE)
    assert pyspark_python == "unset"
    assert arguments == planned[2:]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nope"], "no job nope: the jobs are aggregate_gold aggregate_metrics build_silver"),
        (["decide", "--profile"], "--profile needs a value"),
        (["decide", "--profile", "nope"], "unknown profile 'nope': the profiles are"),
        (["decide", "--profile", "standalone"], "does not say where Spark runs: give --master"),
        (["decide", "--master", MASTER], "profile local runs on this machine (local[*,4])"),
        (["decide", "--profile", "standalone", "--master", MASTER], "need a packed environment: give --archive"),
        (["decide", "--profile", "emr", "--archive", "nope.tar.gz"], "no packed environment at nope.tar.gz"),
    ],
)
def test_what_cannot_work_is_refused_in_one_line(arguments: list[str], message: str) -> None:
    done = launch(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert message in done.stderr


def test_a_spark_without_a_known_delta_lake_is_refused(tmp_path: Path) -> None:
    home = fake_spark(tmp_path / "spark", "2.4.8", "2.11")
    cluster = ("--profile", "standalone", "--master", MASTER, "--archive", "none")
    done = launch("decide", *cluster, SPARK_HOME=str(home))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "no Delta Lake is known for Spark 2.4.8" in done.stderr
    done = launch("decide", *cluster, SPARK_HOME=str(tmp_path))
    assert "it has no jars/spark-core_*.jar" in done.stderr
