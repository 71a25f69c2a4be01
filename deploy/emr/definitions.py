"""The requests that start the pipeline on EMR: plain dictionaries in the shape of the AWS service model."""

from pathlib import PurePosixPath
from typing import Any

from abtest_lib import __version__
from abtest_lib.config import Settings
from abtest_lib.errors import ConfigError
from deploy.emr.deployment import Deployment
from deploy.sizing import EXECUTOR_CORES, EXECUTOR_MEMORY_GB, EXECUTOR_OVERHEAD_GB, Size, size_for

JOB = "run_pipeline"
NAME = "abtest-pipeline"
ARCHIVE = "abtest-environment.tar.gz"
"""What `make package` builds: a whole Python with the locked packages and the suite, without Spark."""

_ENVIRONMENT = "environment"
_PYTHON = f"./{_ENVIRONMENT}/bin/python"
_SERVERLESS_DECIDES = ("spark.master", "spark.submit.deployMode")
_WAIT_SECONDS = 600
"""A run that was started by hand may hold the lake when the schedule's begins."""
_OVERTIME = 3
_LEAST_WORKERS = 2
_MACHINE = "m5.2xlarge"
_EXECUTORS_A_MACHINE = 2


def entry_arguments(deployment: Deployment, profile: str) -> list[str]:
    """What the job is told; the same on every platform."""
    places = ["--input", deployment.input, "--lake", deployment.lake]
    return ["--profile", profile, *places, "--wait", str(_WAIT_SECONDS)]


def spark_conf(settings: Settings, deployment: Deployment) -> dict[str, str]:
    """What Spark must know before the job's first line runs; the profile stands above the sizes and places.

    Raises:
        ConfigError: The profile starts a Spark of its own, or the time is too short.
    """
    if settings.spark_master is not None:
        raise ConfigError(
            f"spark_master = {settings.spark_master!r}: on EMR it must be null, EMR says where Spark runs"
        )
    heap = f"{EXECUTOR_MEMORY_GB}g"
    conf = {
        "spark.archives": f"{aws_path(deployment.code)}/{ARCHIVE}#{_ENVIRONMENT}",
        "spark.executorEnv.PYSPARK_PYTHON": _PYTHON,
        "spark.driver.cores": str(EXECUTOR_CORES),
        "spark.driver.memory": settings.driver_memory or heap,
        "spark.executor.cores": str(EXECUTOR_CORES),
        "spark.executor.memory": heap,
        "spark.executor.memoryOverhead": f"{EXECUTOR_OVERHEAD_GB}g",
        "spark.dynamicAllocation.maxExecutors": str(_size(settings, deployment).executors),
    }
    if deployment.declarations:
        conf["spark.files"] = ",".join(aws_path(location) for location in deployment.declarations.values())
    return conf | settings.spark_conf | settings.submit_conf


def job_run(settings: Settings, profile: str, deployment: Deployment) -> dict[str, Any]:
    """EMR Serverless: `start-job-run`."""
    driver = {"PYSPARK_DRIVER_PYTHON": _PYTHON, "PYSPARK_PYTHON": _PYTHON, **_driver_variables(deployment)}
    conf = spark_conf(settings, deployment)
    conf = {key: value for key, value in conf.items() if key not in _SERVERLESS_DECIDES}
    conf |= {f"spark.emr-serverless.driverEnv.{name}": value for name, value in driver.items()}
    return {
        "applicationId": deployment.application_id,
        "executionRoleArn": deployment.role_arn,
        "name": NAME,
        "jobDriver": {
            "sparkSubmit": {
                "entryPoint": f"{aws_path(deployment.code)}/{JOB}.py",
                "entryPointArguments": entry_arguments(deployment, profile),
            }
        },
        "configurationOverrides": {
            "applicationConfiguration": [{"classification": "spark-defaults", "properties": conf}],
            "monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": aws_path(deployment.logs)}},
        },
        "executionTimeoutMinutes": round(deployment.minutes * _OVERTIME),
        "tags": {"project": NAME, "version": __version__},
    }


def application(settings: Settings, deployment: Deployment) -> dict[str, Any]:
    """EMR Serverless: `create-application`, once; it costs nothing while no job runs."""
    workers = _size(settings, deployment).executors + 1
    memory = EXECUTOR_MEMORY_GB + EXECUTOR_OVERHEAD_GB
    return {
        "name": NAME,
        "releaseLabel": deployment.release,
        "type": "SPARK",
        "architecture": "X86_64",
        "maximumCapacity": {"cpu": f"{workers * EXECUTOR_CORES} vCPU", "memory": f"{workers * memory} GB"},
        "autoStartConfiguration": {"enabled": True},
        "autoStopConfiguration": {"enabled": True, "idleTimeoutMinutes": 5},
        "tags": {"project": NAME},
    }


def step(settings: Settings, profile: str, deployment: Deployment) -> dict[str, Any]:
    """EMR on EC2: `add-steps` on a cluster that runs."""
    return {"JobFlowId": deployment.cluster_id, "Steps": [_step(settings, profile, deployment, "CONTINUE")]}


def cluster(settings: Settings, profile: str, deployment: Deployment) -> dict[str, Any]:
    """EMR on EC2: `run-job-flow`, a cluster that takes the step and ends."""
    machines = max(_LEAST_WORKERS, -(-_size(settings, deployment).executors // _EXECUTORS_A_MACHINE))
    return {
        "Name": NAME,
        "ReleaseLabel": deployment.release,
        "LogUri": aws_path(deployment.logs),
        "Applications": [{"Name": "Spark"}],
        "ServiceRole": "EMR_DefaultRole_V2",
        "JobFlowRole": deployment.job_role,
        "Instances": {
            "KeepJobFlowAliveWhenNoSteps": False,
            "InstanceGroups": [
                {"InstanceRole": "MASTER", "InstanceType": _MACHINE, "InstanceCount": 1},
                {"InstanceRole": "CORE", "InstanceType": _MACHINE, "InstanceCount": machines},
            ],
        },
        "Steps": [_step(settings, profile, deployment, "TERMINATE_CLUSTER")],
        "Tags": [{"Key": "project", "Value": NAME}],
    }


def _step(settings: Settings, profile: str, deployment: Deployment, on_failure: str) -> dict[str, Any]:
    master = {"PYSPARK_PYTHON": _PYTHON, **_driver_variables(deployment)}
    conf = spark_conf(settings, deployment)
    conf |= {f"spark.yarn.appMasterEnv.{name}": value for name, value in master.items()}
    flags = [part for key, value in conf.items() for part in ("--conf", f"{key}={value}")]
    entry = [f"{aws_path(deployment.code)}/{JOB}.py", *entry_arguments(deployment, profile)]
    submit = ["spark-submit", "--master", "yarn", "--deploy-mode", "cluster", *flags, *entry]
    return {
        "Name": NAME,
        "ActionOnFailure": on_failure,
        "HadoopJarStep": {"Jar": "command-runner.jar", "Args": submit},
    }


def _size(settings: Settings, deployment: Deployment) -> Size:
    try:
        return size_for(
            deployment.events_a_day,
            deployment.minutes,
            experiments=deployment.experiments,
            engine=settings.engine.value,
        )
    except ValueError as error:
        raise ConfigError(f"minutes = {deployment.minutes:g}: {error}") from None


def _driver_variables(deployment: Deployment) -> dict[str, str]:
    """The lease's client wants the region; `spark.files` puts declarations into the driver's working directory."""
    declared = {name: PurePosixPath(location).name for name, location in deployment.declarations.items()}
    return {"AWS_REGION": deployment.region} | declared


def aws_path(location: str) -> str:
    """What EMR itself fetches or writes must begin with s3://, whatever Spark calls it."""
    return location.replace("s3a://", "s3://", 1)
