"""The IAM policies, judged by a small reader of their rules: what they allow, and what not."""

from fnmatch import fnmatchcase
from typing import Any

import pytest

from deploy.emr import policies
from deploy.emr.deployment import Deployment

LAKE, EVENTS, CODE = "example-abtest/lake", "example-events/marketplace", "example-abtest/code"


def is_allowed(policy: dict[str, Any], action: str, resource: str, **context: str) -> bool:
    return any(
        statement["Effect"] == "Allow"
        and any(fnmatchcase(action, wanted) for wanted in statement["Action"])
        and any(fnmatchcase(resource, wanted) for wanted in statement["Resource"])
        and all(_holds(*condition, context) for condition in statement.get("Condition", {}).items())
        for statement in policy["Statement"]
    )


def _holds(operator: str, wanted: dict[str, Any], context: dict[str, str]) -> bool:
    for key, values in wanted.items():
        actual = context.get(key.split(":")[1])
        if actual is None and operator.endswith("IfExists"):
            continue
        patterns = [values] if isinstance(values, str) else values
        if actual is None or not any(fnmatchcase(actual, pattern) for pattern in patterns):
            return False
    return True


def every_policy(deployment: Deployment) -> list[dict[str, Any]]:
    made = (policies.job_policy, policies.serving_policy, policies.scheduler_policy)
    return [make(deployment) for make in made]


def test_no_action_is_a_wildcard_and_no_resource_is_everything(deployment: Deployment) -> None:
    statements = [statement for policy in every_policy(deployment) for statement in policy["Statement"]]
    assert len(statements) > 8
    for statement in statements:
        assert not any("*" in action for action in statement["Action"]), statement
        for resource in statement["Resource"]:
            fixed = resource.removesuffix("/*")
            assert "*" not in fixed, resource
            assert resource == fixed or fixed.count("/") >= 1, f"a whole bucket: {resource}"


def test_writing_is_for_the_lake_and_the_logs_alone(deployment: Deployment) -> None:
    writes = {
        resource
        for statement in policies.job_policy(deployment)["Statement"]
        for resource in statement["Resource"]
        if {"s3:PutObject", "s3:DeleteObject"} & set(statement["Action"])
    }
    assert writes == {f"arn:aws:s3:::{LAKE}/*", "arn:aws:s3:::example-abtest/logs/*"}


@pytest.mark.parametrize(
    ("action", "key", "wanted"),
    [
        ("s3:GetObject", f"{LAKE}/gold/verdicts/part-0.parquet", True),
        ("s3:PutObject", f"{LAKE}/_writer_lease.json", True),
        ("s3:DeleteObject", f"{LAKE}/silver/exposures/part-0.parquet", True),
        ("s3:GetObject", f"{EVENTS}/2021/events.csv.gz", True),
        ("s3:GetObject", f"{CODE}/environment.tar.gz", True),
        ("s3:PutObject", f"{EVENTS}/2021/events.csv.gz", False),
        ("s3:PutObject", f"{CODE}/run_pipeline.py", False),
        ("s3:GetObject", "example-abtest/lake-of-others/x", False),
        ("s3:GetObject", "example-abtest/secrets", False),
        ("s3:DeleteObject", "example-abtest/logs/x", False),
        ("s3:PutBucketPolicy", "example-abtest", False),
    ],
)
def test_what_the_job_may_do_with_objects(action: str, key: str, wanted: bool, deployment: Deployment) -> None:  # noqa: FBT001
    assert is_allowed(policies.job_policy(deployment), action, f"arn:aws:s3:::{key}") is wanted


@pytest.mark.parametrize(("prefix", "wanted"), [("lake/", True), ("lake/gold/", True), ("", False), ("other/", False)])
def test_what_may_be_listed(prefix: str, wanted: bool, deployment: Deployment) -> None:  # noqa: FBT001
    bucket = "arn:aws:s3:::example-abtest"
    for policy in (policies.job_policy(deployment), policies.serving_policy(deployment)):
        assert is_allowed(policy, "s3:ListBucket", bucket, prefix=prefix) is wanted
        assert is_allowed(policy, "s3:ListBucket", bucket), "S3 would answer 403 for a key that is not there"
    assert not is_allowed(policies.job_policy(deployment), "s3:ListBucket", "arn:aws:s3:::someone-elses")


def test_the_api_only_reads(deployment: Deployment) -> None:
    actions = {
        action for statement in policies.serving_policy(deployment)["Statement"] for action in statement["Action"]
    }
    assert actions == {"s3:GetObject", "s3:ListBucket"}


def test_the_scheduler_hands_over_one_role_to_one_service(deployment: Deployment) -> None:
    policy, role = policies.scheduler_policy(deployment), deployment.role_arn
    assert is_allowed(policy, "iam:PassRole", role, PassedToService="emr-serverless.amazonaws.com")
    assert not is_allowed(policy, "iam:PassRole", role, PassedToService="lambda.amazonaws.com")
    assert not is_allowed(
        policy, "iam:PassRole", role.replace("abtest-job", "admin"), PassedToService="emr-serverless.amazonaws.com"
    )
    application = "arn:aws:emr-serverless:us-east-1:123456789012:/applications/"
    assert is_allowed(policy, "emr-serverless:StartJobRun", application + deployment.application_id)
    assert not is_allowed(policy, "emr-serverless:StartJobRun", application + "00other")


def test_only_emr_takes_on_the_role(deployment: Deployment) -> None:
    statements = policies.trust_policy(deployment)["Statement"]
    trusted = {statement["Principal"]["Service"]: statement.get("Condition") for statement in statements}
    assert set(trusted) == {"emr-serverless.amazonaws.com", "ec2.amazonaws.com"}
    assert trusted["emr-serverless.amazonaws.com"] == {"StringEquals": {"aws:SourceAccount": deployment.account}}


@pytest.mark.parametrize("key", ["registry", "metrics"])
def test_a_single_file_is_granted_alone(deployment: Deployment, key: str) -> None:
    declared = deployment.model_copy(update={key: "s3a://example-conf/abtest/ours.yaml"})
    policy = policies.job_policy(declared)
    assert is_allowed(policy, "s3:GetObject", "arn:aws:s3:::example-conf/abtest/ours.yaml")
    assert not is_allowed(policy, "s3:GetObject", "arn:aws:s3:::example-conf/abtest/theirs.yaml")
