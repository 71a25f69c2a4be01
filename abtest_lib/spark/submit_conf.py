"""`python -m abtest_lib.spark.submit_conf`: the arguments of spark-submit, one per line."""

import argparse
import os
import sys
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from abtest_lib.config import DeltaJars, Settings, load_settings
from abtest_lib.errors import AbtestError, ConfigError, MachineError
from abtest_lib.spark.distribution import DELTA_CONF, packages, spark_at_hand
from abtest_lib.storage import is_s3, s3a_conf, use_object_store

ENVIRONMENT = "environment"
"""The folder of the packed environment on an executor."""

NO_ARCHIVE = "none"
_PLATFORM_SUBMIT = "spark-submit"


def main() -> None:
    """Print the program and its arguments up to the job's file, one per line."""
    arguments = _parser().parse_args()
    settings = load_settings(arguments.profile, arguments.config)
    use_object_store(settings)
    uses_s3 = any(is_s3(text.rpartition("=")[2]) for text in arguments.job_arguments)
    command = submit_command(settings, arguments.profile, arguments.master, arguments.archive, uses_s3=uses_s3)
    sys.stdout.write("".join(f"{part}\n" for part in command))


def submit_command(
    settings: Settings, profile: str, master: str | None, archive: str | None, *, uses_s3: bool
) -> list[str]:
    """Return the program and its arguments up to the job's file.

    Args:
        settings: The settings.
        profile: The profile of the settings, for messages.
        master: Where Spark runs; None leaves it to the settings.
        archive: The packed environment for other machines, a file or a URL; `none` if they have one.
        uses_s3: Whether the lake or the input is on S3.

    Returns:
        The parts of a command line.

    Raises:
        ConfigError: Neither the settings nor the arguments say where Spark runs, or which Python runs there.
        MachineError: There is no Spark, or no Delta Lake for it.
    """
    if settings.spark_master is not None:
        if master is not None:
            raise ConfigError(
                f"profile {profile} runs on this machine ({settings.spark_master}): --master {master} "
                "wants another profile, such as standalone"
            )
        conf = _local_conf(settings, uses_s3=uses_s3)
        return [str(spark_at_hand().submit), "--master", settings.spark_master, *_as_options(conf)]
    master = master or settings.submit_conf.get("spark.master")
    if master is None and settings.delta_jars is DeltaJars.FETCH:
        raise ConfigError(f"profile {profile} does not say where Spark runs: give --master spark://HOST:7077")
    where = ["--master", master] if master is not None else []
    conf = _cluster_conf(settings, uses_s3=uses_s3) | settings.spark_conf | settings.submit_conf
    conf.pop("spark.master", None)
    is_elsewhere = conf.get("spark.submit.deployMode") == "cluster"
    python = _python_conf(profile, master, archive, driver_here=not is_elsewhere)
    packed = [] if archive in {None, NO_ARCHIVE} else ["--archives", f"{archive}#{ENVIRONMENT}"]
    return [_submit(settings), *where, *packed, *_as_options(python | conf)]


def _submit(settings: Settings) -> str:
    try:
        return str(spark_at_hand().submit)
    except MachineError:
        if settings.delta_jars is DeltaJars.FETCH:
            raise
        return _PLATFORM_SUBMIT  # the platform has it on the PATH


def _local_conf(settings: Settings, *, uses_s3: bool) -> dict[str, str]:
    from abtest_lib.spark.session import static_conf  # noqa: PLC0415  it wants pyspark, which a platform may lack here

    python = {"spark.pyspark.python": sys.executable}
    return python | static_conf(settings, uses_s3=uses_s3) | settings.spark_conf | settings.submit_conf


def _cluster_conf(settings: Settings, *, uses_s3: bool) -> dict[str, str]:
    conf = {"spark.sql.session.timeZone": "UTC"}
    if settings.delta_jars is DeltaJars.PROVIDED:
        return conf
    spark, log_settings = spark_at_hand(), files("conf") / "log4j2.properties"
    conf |= DELTA_CONF | {"spark.jars.packages": ",".join(packages(spark, uses_s3=uses_s3))}
    if uses_s3:
        conf |= dict(s3a_conf(settings, spark.hadoop))
    return conf | {"spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={log_settings}"}


def _python_conf(profile: str, master: str | None, archive: str | None, *, driver_here: bool) -> dict[str, str]:
    """Return the settings of the driver's Python and the executors' Python."""
    if archive is None and master is not None:
        raise ConfigError(
            f"profile {profile} runs on other machines, which need a packed environment: give --archive FILE "
            f"(`make package` builds dist/abtest-environment.tar.gz), or --archive {NO_ARCHIVE} where they have one"
        )
    if archive is None:
        return {}
    if archive != NO_ARCHIVE and "://" not in archive and not Path(archive).is_file():
        raise ConfigError(f"no packed environment at {archive}: `make package` builds dist/abtest-environment.tar.gz")
    there = sys.executable if archive == NO_ARCHIVE else f"./{ENVIRONMENT}/bin/python"
    here = {"spark.pyspark.driver.python": sys.executable} if driver_here else {}
    return here | {"spark.pyspark.python": there}


def _as_options(conf: Mapping[str, str]) -> list[str]:
    return [part for key, value in conf.items() for part in ("--conf", f"{key}={value}")]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default="local")
    parser.add_argument("--config", type=Path)
    parser.add_argument("--master")
    parser.add_argument("--archive", default=os.environ.get("ABTEST_ARCHIVE"))
    parser.add_argument("job_arguments", nargs="*", help="after --; a path on S3 among them needs S3A")
    return parser


if __name__ == "__main__":
    try:
        main()
    except AbtestError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(error.exit_code)
