"""What a deployment to EMR is told: the account's own values, checked."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from abtest_lib.errors import ConfigError, one_line
from abtest_lib.user_files import read_user_file
from abtest_lib.yaml_reader import read_texts

_CRON_FIELD = r"[0-9*/,-]+"
S3Path = Annotated[str, StringConstraints(pattern=r"^s3a?://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^\s?#]+)+$")]
"""Always below a prefix: a whole bucket is more than the job needs."""


class Deployment(BaseModel):
    """One deployment.

    Attributes:
        account: The AWS account's twelve digits.
        region: Where everything runs.
        release: The EMR release; it decides the versions of Spark and Delta.
        lake: Where the tables live.
        input: The raw events.
        code: Where the wheel, the archive and the entry points are uploaded to.
        logs: Where EMR writes logs.
        registry: The experiment registry; None takes the one in the wheel.
        metrics: The metric catalogue; None takes the one in the wheel.
        application_id: The EMR Serverless application.
        cluster_id: The running EMR cluster, for the step.
        job_role: The name of the role that the job runs as.
        schedule: Five cron fields.
        events_a_day: New events a day, for the number of executors.
        experiments: Experiments that run on a day, likewise.
        minutes: How long a run may take, likewise; three times as long ends it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    account: Annotated[str, StringConstraints(pattern=r"^\d{12}$")]
    region: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
    release: Annotated[str, StringConstraints(pattern=r"^emr-\d+\.\d+\.\d+$")]
    lake: S3Path
    input: S3Path
    code: S3Path
    logs: S3Path
    registry: S3Path | None = None
    metrics: S3Path | None = None
    application_id: Annotated[str, StringConstraints(pattern=r"^[0-9a-z]+$")]
    cluster_id: Annotated[str, StringConstraints(pattern=r"^j-[A-Z0-9]+$")]
    job_role: Annotated[str, StringConstraints(pattern=r"^[\w+=,.@-]+$")]
    schedule: Annotated[str, StringConstraints(pattern=rf"^{_CRON_FIELD}( {_CRON_FIELD}){{4}}$")]
    events_a_day: Annotated[int, Field(ge=1)]
    experiments: Annotated[int, Field(ge=1)] = 1_000
    minutes: Annotated[float, Field(gt=0)] = 60

    @property
    def declarations(self) -> dict[str, str]:
        """The files with declarations, by the environment variable that names each."""
        files = {"ABTEST_REGISTRY": self.registry, "ABTEST_METRICS": self.metrics}
        return {variable: location for variable, location in files.items() if location is not None}

    @property
    def role_arn(self) -> str:
        """The job's role."""
        return f"arn:aws:iam::{self.account}:role/{self.job_role}"


def load_deployment(path: Path) -> Deployment:
    """Read a deployment file.

    Raises:
        ConfigError: It cannot be read, or a key or value is not allowed.
    """
    content = read_texts(read_user_file(path, "the deployment", ConfigError), str(path), ConfigError)
    try:
        return Deployment.model_validate(content)
    except ValidationError as error:
        problem = error.errors()[0]
        name = ".".join(map(str, problem["loc"])) or "the file"
        raise ConfigError(f"{path}: {name} = {problem['input']!r}: {one_line(problem['msg'])}") from None


def bucket_and_prefix(location: str) -> tuple[str, str]:
    """The bucket, and the longest prefix without wildcards that holds everything at an S3 location.

    Examples:
        >>> bucket_and_prefix("s3a://events/web/2021-*/part.csv")
        ('events', 'web')
        >>> bucket_and_prefix("s3a://abtest/lake/")
        ('abtest', 'lake')
    """
    bucket, _, key = location.partition("://")[2].partition("/")
    parts = key.strip("/").split("/")
    fixed = next((parts[:at] for at, part in enumerate(parts) if re.search(r"[*?{\[]", part)), parts)
    return bucket, "/".join(fixed)
