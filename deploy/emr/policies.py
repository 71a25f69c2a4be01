"""IAM policies: what the job, the API and the scheduler may do, and nothing else."""

from typing import Any

from deploy.emr.deployment import Deployment, bucket_and_prefix

_READ = ("s3:GetObject",)
# DeleteObject: Delta removes files of failed writes and, at VACUUM, old ones; S3A the markers of folders.
_WRITE = ("s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload")
_SERVICES = ("emr-serverless.amazonaws.com", "ec2.amazonaws.com")


def job_policy(deployment: Deployment) -> dict[str, Any]:
    """For the job's role: reads events and code, writes the lake and its own logs."""
    read = [deployment.input, deployment.code, *deployment.declarations.values()]
    return _policy(
        _objects("ReadEventsAndCode", _READ, read),
        _objects("WriteLake", _WRITE, [deployment.lake]),
        _objects("WriteLogs", ("s3:PutObject", "s3:GetObject"), [deployment.logs]),
        *_listing([*read, deployment.lake, deployment.logs]),
    )


def serving_policy(deployment: Deployment) -> dict[str, Any]:
    """For the API's role: reads the lake, writes nothing."""
    return _policy(_objects("ReadLake", _READ, [deployment.lake]), *_listing([deployment.lake]))


def scheduler_policy(deployment: Deployment) -> dict[str, Any]:
    """For whoever keeps the cron line: starts this job as this role."""
    application = (
        f"arn:aws:emr-serverless:{deployment.region}:{deployment.account}:/applications/{deployment.application_id}"
    )
    cluster = f"arn:aws:elasticmapreduce:{deployment.region}:{deployment.account}:cluster/{deployment.cluster_id}"
    hand_over = {
        "Sid": "HandTheRoleOver",
        "Effect": "Allow",
        "Action": ["iam:PassRole"],
        "Resource": [deployment.role_arn],
        "Condition": {"StringEquals": {"iam:PassedToService": _SERVICES[0]}},
    }
    return _policy(
        _allow("StartJobRun", ["emr-serverless:StartJobRun"], [application]),
        _allow("WatchJobRun", ["emr-serverless:GetJobRun"], [f"{application}/jobruns/*"]),
        _allow("AddStep", ["elasticmapreduce:AddJobFlowSteps", "elasticmapreduce:DescribeStep"], [cluster]),
        hand_over,
    )


def trust_policy(deployment: Deployment) -> dict[str, Any]:
    """Who may take on the job's role: EMR Serverless for this account, and the machines of an EMR cluster."""
    serverless, machines = _SERVICES
    return _policy(
        {
            "Sid": "Serverless",
            "Effect": "Allow",
            "Principal": {"Service": serverless},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": deployment.account}},
        },
        {"Sid": "Machines", "Effect": "Allow", "Principal": {"Service": machines}, "Action": "sts:AssumeRole"},
    )


def _policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _allow(sid: str, actions: list[str], resources: list[str]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}


def _objects(sid: str, actions: tuple[str, ...], locations: list[str]) -> dict[str, Any]:
    return _allow(sid, list(actions), sorted({_objects_at(location) for location in locations}))


def _objects_at(location: str) -> str:
    """A single file is granted alone, anything else with what lies below it."""
    bucket, prefix = bucket_and_prefix(location)
    is_file = "." in prefix.rsplit("/", 1)[-1]
    return f"arn:aws:s3:::{bucket}/{prefix}" + ("" if is_file else "/*")


def _listing(locations: list[str]) -> list[dict[str, Any]]:
    """Listing is granted on a bucket, so a condition narrows it to the prefixes.

    `IfExists`: to ask for one key is no listing and has no prefix, but S3 says "not there" (404) only to those who may
    list, and "forbidden" (403) to others, which no reader of Delta tables takes for "not there".
    """
    prefixes: dict[str, set[str]] = {}
    for bucket, prefix in map(bucket_and_prefix, locations):
        prefixes.setdefault(bucket, set()).update({prefix, f"{prefix}/*"})
    return [
        _allow(f"List{number}", ["s3:ListBucket"], [f"arn:aws:s3:::{bucket}"])
        | {"Condition": {"StringLikeIfExists": {"s3:prefix": sorted(wanted)}}}
        for number, (bucket, wanted) in enumerate(sorted(prefixes.items()), start=1)
    ]
