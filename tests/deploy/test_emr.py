"""What is rendered for EMR, held against AWS's own description of its services; no network is used."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.session import Session
from botocore.validate import ParamValidator

from abtest_lib.config import Settings, profiles
from abtest_lib.errors import ConfigError
from abtest_lib.pipeline.job import _parser
from deploy.emr.deployment import Deployment, bucket_and_prefix, load_deployment
from deploy.emr.render import EXAMPLE, render
from deploy.sizing import EXECUTOR_CORES, size_for

OPERATIONS = {
    "application.json": ("emr-serverless", "CreateApplication"),
    "job-run.json": ("emr-serverless", "StartJobRun"),
    "step.json": ("emr", "AddJobFlowSteps"),
    "cluster.json": ("emr", "RunJobFlow"),
}


@pytest.fixture
def texts(settings: Settings, deployment: Deployment) -> dict[str, str]:
    return render(settings, "emr", deployment)


def problems(service: str, operation: str, request: dict[str, Any]) -> str:
    """What the client would say, which adds its own token where one is wanted."""
    shape = Session().get_service_model(service).operation_model(operation).input_shape
    token = {"clientToken": "added-by-the-client"} if "clientToken" in shape.members else {}
    report = ParamValidator().validate(request | token, shape)
    return "" if not report.has_errors() else report.generate_report()


@pytest.mark.parametrize("name", OPERATIONS)
def test_aws_would_take_the_request(name: str, texts: dict[str, str]) -> None:
    service, operation = OPERATIONS[name]
    assert problems(service, operation, json.loads(texts[name])) == ""


def test_the_validator_sees_mistakes(texts: dict[str, str]) -> None:
    request = json.loads(texts["job-run.json"])
    request["jobDriver"]["sparkSubmit"]["entrypoint"] = request["jobDriver"]["sparkSubmit"].pop("entryPoint")
    request["executionTimeoutMinutes"] = "180"
    found = problems("emr-serverless", "StartJobRun", request)
    assert "Missing required parameter" in found
    assert "entrypoint" in found
    assert "executionTimeoutMinutes" in found


def test_patterns_of_the_service_model_hold(texts: dict[str, str]) -> None:
    """botocore checks types and lengths, and leaves patterns to the service."""
    members = Session().get_service_model("emr-serverless").operation_model("StartJobRun").input_shape.members
    request = json.loads(texts["job-run.json"])
    checked = [name for name in ("applicationId", "executionRoleArn", "name") if "pattern" in members[name].metadata]
    assert checked
    for name in checked:
        assert re.fullmatch(members[name].metadata["pattern"], request[name]), name


def test_the_job_understands_its_arguments(texts: dict[str, str], deployment: Deployment) -> None:
    submit = json.loads(texts["job-run.json"])["jobDriver"]["sparkSubmit"]
    given = _parser("", takes_input=True).parse_args(submit["entryPointArguments"])
    assert (given.profile, given.input, given.lake) == ("emr", deployment.input, deployment.lake)
    assert given.wait > 0


def test_step_and_job_run_are_the_same_job(texts: dict[str, str]) -> None:
    submit = json.loads(texts["job-run.json"])["jobDriver"]["sparkSubmit"]
    for name in ("step.json", "cluster.json"):
        (step,) = json.loads(texts[name])["Steps"]
        arguments = step["HadoopJarStep"]["Args"]
        entry = arguments.index(submit["entryPoint"])
        assert arguments[entry + 1 :] == submit["entryPointArguments"]


def test_the_entry_point_is_a_job_of_the_project(texts: dict[str, str], root: Path) -> None:
    entry = json.loads(texts["job-run.json"])["jobDriver"]["sparkSubmit"]["entryPoint"]
    assert (root / "jobs" / Path(entry).name).is_file()
    for line in texts["upload.sh"].splitlines():
        source = line.split()[3] if line.startswith("aws") else "jobs"
        assert source.startswith("dist/") or (root / source).exists()


def conf_of(texts: dict[str, str]) -> dict[str, str]:
    overrides = json.loads(texts["job-run.json"])["configurationOverrides"]
    properties: dict[str, str] = overrides["applicationConfiguration"][0]["properties"]
    return properties


def test_everything_that_spark_fetches_is_uploaded(texts: dict[str, str]) -> None:
    conf = conf_of(texts)
    archive, folder = conf["spark.archives"].split("#")
    fetched = [archive, json.loads(texts["job-run.json"])["jobDriver"]["sparkSubmit"]["entryPoint"]]
    targets = [line.split()[-1] for line in texts["upload.sh"].splitlines() if line.startswith("aws")]
    assert sorted(fetched) == sorted(targets)
    assert conf["spark.executorEnv.PYSPARK_PYTHON"].startswith(f"./{folder}/")
    assert conf["spark.emr-serverless.driverEnv.PYSPARK_PYTHON"] == conf["spark.executorEnv.PYSPARK_PYTHON"]


def test_the_profile_stands_above_the_deployment(settings: Settings, deployment: Deployment) -> None:
    assert conf_of(render(settings, "emr", deployment))["spark.executor.memory"] == "9g"
    tuned = settings.model_copy(update={"spark_conf": {"spark.executor.memory": "12g"}, "driver_memory": "7g"})
    conf = conf_of(render(tuned, "emr", deployment))
    assert (conf["spark.executor.memory"], conf["spark.driver.memory"]) == ("12g", "7g")


def test_executors_follow_from_measured_rates(settings: Settings, deployment: Deployment) -> None:
    busy = deployment.model_copy(update={"events_a_day": 500_000_000})
    executors = size_for(500_000_000, busy.minutes, experiments=busy.experiments).executors
    assert executors > size_for(deployment.events_a_day, busy.minutes).executors
    texts = render(settings, "emr", busy)
    assert conf_of(texts)["spark.dynamicAllocation.maxExecutors"] == str(executors)
    capacity = json.loads(texts["application.json"])["maximumCapacity"]
    assert capacity["cpu"] == f"{(executors + 1) * EXECUTOR_CORES} vCPU"


def test_a_registry_reaches_the_driver(settings: Settings, deployment: Deployment) -> None:
    declared = deployment.model_copy(update={"registry": "s3a://example-abtest/conf/ours.yaml"})
    conf = conf_of(render(settings, "emr", declared))
    assert conf["spark.files"] == "s3://example-abtest/conf/ours.yaml"
    assert conf["spark.emr-serverless.driverEnv.ABTEST_REGISTRY"] == "ours.yaml"
    assert "spark.files" not in conf_of(render(settings, "emr", deployment))


def test_registry_and_catalogue_reach_the_driver(settings: Settings, deployment: Deployment) -> None:
    files = {"registry": "s3a://example-abtest/conf/ours.yaml", "metrics": "s3a://example-abtest/conf/metrics.yaml"}
    conf = conf_of(render(settings, "emr", deployment.model_copy(update=files)))
    assert conf["spark.files"] == "s3://example-abtest/conf/ours.yaml,s3://example-abtest/conf/metrics.yaml"
    assert conf["spark.emr-serverless.driverEnv.ABTEST_REGISTRY"] == "ours.yaml"
    assert conf["spark.emr-serverless.driverEnv.ABTEST_METRICS"] == "metrics.yaml"


def test_a_profile_with_a_spark_of_its_own_is_refused(deployment: Deployment) -> None:
    with pytest.raises(ConfigError, match=r"spark_master = 'local\[\*\]'"):
        render(Settings(spark_master="local[*]"), "local", deployment)


def test_too_little_time_is_refused(settings: Settings, deployment: Deployment) -> None:
    with pytest.raises(ConfigError, match="minutes = 2"):
        render(settings, "emr", deployment.model_copy(update={"minutes": 2}))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("account", "12345"),
        ("lake", "s3a://bucket"),  # a whole bucket
        ("lake", "/mnt/lake"),
        ("schedule", "daily"),
        ("release", "7.12.0"),
        ("colour", "blue"),
    ],
)
def test_wrong_values_are_named(key: str, value: str, tmp_path: Path) -> None:
    content = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8")) | {key: value}
    path = tmp_path / "deployment.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(ConfigError, match=f"{key} = '{value}'"):
        load_deployment(path)


def test_prefixes_end_before_wildcards() -> None:
    assert bucket_and_prefix("s3a://b/raw/day=*/x.csv") == ("b", "raw")
    assert bucket_and_prefix("s3://b/raw/x.csv.gz") == ("b", "raw/x.csv.gz")


def test_the_platform_of_serverless_is_not_told_where_it_runs(deployment: Deployment) -> None:
    told = Settings(spark_conf={"spark.master": "yarn", "spark.submit.deployMode": "cluster", "spark.x": "1"})
    conf = conf_of(render(told, "emr", deployment))
    assert conf["spark.x"] == "1"
    assert not {"spark.master", "spark.submit.deployMode"} & set(conf)


def test_the_command_writes_files_that_run(tmp_path: Path, root: Path) -> None:
    done = rendered("emr", tmp_path / "out", root)
    if "emr" not in profiles():
        assert (done.returncode, "unknown profile 'emr'" in done.stderr) == (2, True)
        return
    assert done.returncode == 0, done.stderr
    for script in ("start.sh", "upload.sh"):
        assert subprocess.run(["sh", "-n", str(tmp_path / "out" / script)], check=False).returncode == 0
    conf = conf_of({"job-run.json": (tmp_path / "out" / "job-run.json").read_text(encoding="utf-8")})
    assert conf["spark.sql.extensions"] == "io.delta.sql.DeltaSparkSessionExtension"


def test_the_command_says_what_is_wrong_in_one_line(tmp_path: Path, root: Path) -> None:
    done = rendered("local", tmp_path / "out", root)
    assert done.returncode == 2
    assert re.fullmatch(r"error: spark_master = .*\n", done.stderr)
    assert not (tmp_path / "out").exists()


def rendered(profile: str, output: Path, root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deploy.emr.render", "--profile", profile, "--output", str(output)]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
