"""Fill in everything that EMR wants to be told, from a profile and a deployment file.

python -m deploy.emr.render --deployment my-deployment.yaml --output build/emr
"""

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from abtest_lib.config import Settings, load_settings
from abtest_lib.errors import AbtestError
from deploy.emr import definitions, policies
from deploy.emr.deployment import Deployment, load_deployment

EXAMPLE = Path(__file__).parent / "deployment.yaml"


def render(settings: Settings, profile: str, deployment: Deployment) -> dict[str, str]:
    """Every file's name and text.

    Args:
        settings: The profile's settings.
        profile: Its name, which the job is told.
        deployment: The account's values.

    Raises:
        ConfigError: The profile cannot run on EMR, or the time is too short.
    """
    requests: dict[str, dict[str, Any]] = {
        "application.json": definitions.application(settings, deployment),
        "job-run.json": definitions.job_run(settings, profile, deployment),
        "step.json": definitions.step(settings, profile, deployment),
        "cluster.json": definitions.cluster(settings, profile, deployment),
        "job-policy.json": policies.job_policy(deployment),
        "serving-policy.json": policies.serving_policy(deployment),
        "scheduler-policy.json": policies.scheduler_policy(deployment),
        "trust-policy.json": policies.trust_policy(deployment),
    }
    texts = {name: json.dumps(request, indent=2) + "\n" for name, request in requests.items()}
    return texts | {"upload.sh": _upload(deployment), "start.sh": _start(deployment), "crontab": _crontab(deployment)}


def _upload(deployment: Deployment) -> str:
    target = definitions.aws_path(deployment.code)
    files = {
        f"dist/{definitions.ARCHIVE}": definitions.ARCHIVE,
        f"jobs/{definitions.JOB}.py": f"{definitions.JOB}.py",
    }
    copies = [f"aws s3 cp {shlex.quote(source)} {shlex.quote(f'{target}/{name}')}" for source, name in files.items()]
    return "\n".join(["#!/bin/sh", "# After `make package`, in the project's folder.", "set -eu", *copies]) + "\n"


def _start(deployment: Deployment) -> str:
    return f"""#!/bin/sh
# Starts the job on EMR Serverless; two starts in one minute are one run.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
exec aws emr-serverless start-job-run --region {deployment.region} \\
    --cli-input-json "file://$here/job-run.json" --client-token "{definitions.NAME}-$(date -u +%Y%m%dT%H%M)"
"""


def _crontab(deployment: Deployment) -> str:
    return (
        "# The same job as in databricks.yml; put the folder of start.sh in place of /opt/abtest/emr.\n"
        f"{deployment.schedule} /opt/abtest/emr/start.sh 2>&1 | logger -t {definitions.NAME}\n"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Write all files into a folder."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("--profile", default="emr", help="settings to start from, a file of conf/")
    parser.add_argument("--deployment", type=Path, default=EXAMPLE, help="the account's values")
    parser.add_argument("--output", type=Path, required=True, help="the folder to write into")
    given = parser.parse_args(arguments)
    try:
        settings = load_settings(given.profile)
        texts = render(settings, given.profile, load_deployment(given.deployment))
    except AbtestError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(error.exit_code)
    given.output.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        path = given.output / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755 if name.endswith(".sh") else 0o644)
    sys.stdout.write(f"{len(texts)} files in {given.output}\n")


if __name__ == "__main__":
    main()
