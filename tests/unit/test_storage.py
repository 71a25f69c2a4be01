"""Where a lake lives, and what each client is told."""

import os
from pathlib import Path
from unittest.mock import Mock

import pytest
from obstore.exceptions import GenericError, NotFoundError

from abtest_lib import storage
from abtest_lib.config import load_settings
from abtest_lib.errors import ConfigError
from abtest_lib.storage import (
    check_lake,
    check_location,
    delta_rs_location,
    delta_rs_options,
    local_folder,
    s3a_conf,
    sizes_under,
    use_object_store,
)

AWS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SERVER_SIDE_ENCRYPTION")
S3A = "spark.hadoop.fs.s3a."


@pytest.fixture(autouse=True)
def _no_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*AWS, "AWS_SSE_KMS_KEY_ID"):
        # Set first, so that what a test puts there is taken away again.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("path", "folder"),
    [("a/b", "a/b"), ("file:///x/y", "/x/y"), ("s3a://b/p", None), ("dbfs:/x", None), ("abfss://c@a/x", None)],
)
def test_a_folder_is_told_from_an_object_store(path: str, folder: str | None) -> None:
    assert local_folder(path) == (None if folder is None else Path(folder))


@pytest.mark.parametrize("secret", ["s3a://AKIA:hunter2@bucket/lake", "s3://AKIA:hun/ter2@bucket/lake"])
def test_credentials_in_a_location_are_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(ConfigError, match="carries credentials before its bucket") as told:
        check_location(secret)
    assert "hun" not in str(told.value)
    for allowed in ("s3a://bucket/a@b", "hdfs://host:9000/lake", "abfss://container@account/lake", "a:b/c"):
        check_location(allowed)


def test_a_lake_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"there is no lake at {tmp_path}/no"):
        check_lake(f"{tmp_path}/no")
    check_lake(str(tmp_path))
    check_lake("s3a://bucket/lake")


def test_the_environment_stands_above_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    settings = load_settings("s3", overrides={"s3_region": "us-east-2", "s3_endpoint": "https://store.example"})
    use_object_store(settings)
    assert (os.environ["AWS_REGION"], os.environ["AWS_ENDPOINT_URL"]) == ("eu-west-1", "https://store.example")


def test_what_s3a_is_told_of_aws() -> None:
    conf = dict(s3a_conf(load_settings("s3"), "3.4.1"))
    assert conf[f"{S3A}aws.credentials.provider"].startswith("software.amazon.awssdk.auth")
    assert conf[f"{S3A}path.style.access"] == "false"
    assert not {f"{S3A}endpoint", f"{S3A}endpoint.region", f"{S3A}encryption.algorithm"} & set(conf)
    older = dict(s3a_conf(load_settings("s3"), "3.3.4"))
    assert older[f"{S3A}aws.credentials.provider"].startswith("com.amazonaws.auth")


def test_what_s3a_is_told_of_another_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9000")
    settings = load_settings("s3", overrides={"s3_encryption": "SSE-KMS", "s3_kms_key_id": "key-1"})
    use_object_store(settings)
    conf = dict(s3a_conf(settings, "3.4.1"))
    assert conf[f"{S3A}endpoint"] == "http://127.0.0.1:9000"
    assert conf[f"{S3A}connection.ssl.enabled"] == "false"
    assert (conf[f"{S3A}path.style.access"], conf[f"{S3A}endpoint.region"]) == ("true", "us-east-1")
    assert (conf[f"{S3A}encryption.algorithm"], conf[f"{S3A}encryption.key"]) == ("SSE-KMS", "key-1")
    assert delta_rs_options("s3a://b/p")["allow_http"] == "true"
    assert not any("secret" in key or "access.key" in key for key in conf)
    assert delta_rs_options("folder") == {}


def test_an_unknown_encryption_is_refused() -> None:
    with pytest.raises(ConfigError, match="s3_encryption"):
        load_settings(overrides={"s3_encryption": "ROT13"})


def test_sizes_and_locations(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_bytes(b"123")
    assert sizes_under(str(tmp_path)) == {"a/x": 3}
    assert delta_rs_location("s3a://b/p") == "s3://b/p"


def test_a_request_that_may_be_repeated_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "_PAUSES", (0.0, 0.0))
    outcomes = iter([GenericError("cut off"), GenericError("cut off"), "there"])

    def request() -> str:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    assert storage.with_retries(request) == "there"


@pytest.mark.parametrize(("failure", "attempts"), [(NotFoundError("no such object"), 1), (GenericError("cut off"), 3)])
def test_a_failure_is_told_once_another_attempt_is_no_use(
    monkeypatch: pytest.MonkeyPatch, failure: Exception, attempts: int
) -> None:
    monkeypatch.setattr(storage, "_PAUSES", (0.0, 0.0))
    request = Mock(side_effect=failure)
    with pytest.raises(type(failure)):
        storage.with_retries(request)
    assert request.call_count == attempts
