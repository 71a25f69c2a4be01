"""What surrounds every answer: entity tags, compression, ids, keys, origins, time limits, documentation."""

import asyncio
import json
import re
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from pydantic import TypeAdapter
from serving import TestClient, listening, parse, served

from abtest_lib import answers
from abtest_lib.errors import ConfigError
from api.http import responses
from api.routes.planner import Planner
from api.settings import load_api_settings

RESULT = "/experiment/search|ranking/result?day=2021-08-01"
KEY = "a-key-of-a-client"
KEY_HASH = sha256(KEY.encode()).hexdigest()


def test_entity_tags(client: TestClient) -> None:
    first = client.get(RESULT)
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "public, max-age=5"
    again = client.get(RESULT, headers={"If-None-Match": f'"other", {tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert client.get(RESULT, headers={"If-None-Match": 'W/"other"'}).status_code == 200
    assert client.get("/experiment/nothing/result", headers={"If-None-Match": tag}).status_code == 404


def test_another_registry_gives_other_entity_tags(lake: Path, tmp_path: Path) -> None:
    """The same release, served from the same cache after each restart."""
    path, declared = "/experiment/search|ranking", tmp_path / "experiments.yaml"
    declared.write_text('experiments: {search/ranking: {control: "4915"}}')
    with served(lake, tmp_path / "cache") as undeclared:
        tag = undeclared.get(path).headers["etag"]
    with served(lake, tmp_path / "cache", registry=declared) as client:
        answer = client.get(path, headers={"If-None-Match": tag})
        assert (answer.status_code, answer.json()["registry"]["control"]) == (200, "4915")
    with served(lake, tmp_path / "cache") as again:
        assert again.get(path, headers={"If-None-Match": tag}).status_code == 304


@pytest.mark.parametrize("path", ["search|ranking", "search%2Franking", "lonely", "nothing", "%00"])
@pytest.mark.parametrize("query", ["", "day=2021-08-01", "day=2021-08-02", "day=2021-02-31"])
def test_the_fast_lane_answers_like_the_route(client: TestClient, path: str, query: str) -> None:
    """An additional unknown parameter sends a request to the route instead of the middleware."""
    answers = [client.get(f"/experiment/{path}/result?{given}") for given in (query, query + "&further=1")]
    contents = [answer.json() for answer in answers]
    for content in contents:
        content.get("results", {"release": {}})["release"].pop("data_age_seconds", None)
        content.pop("request_id", None)
    assert contents[0] == contents[1]
    assert answers[0].status_code == answers[1].status_code
    assert answers[0].headers.keys() == answers[1].headers.keys()


def test_compression(client: TestClient) -> None:
    path = "/experiment/search|ranking/history"
    assert client.get(path).headers["content-encoding"] == "gzip"
    assert "content-encoding" not in client.get(path, headers={"Accept-Encoding": "identity"}).headers


@pytest.mark.parametrize(("sent", "is_kept"), [("abc-1", True), ("x" * 65, False), ("a\tb", False), ("", False)])
def test_request_ids(client: TestClient, sent: str, is_kept: bool) -> None:  # noqa: FBT001  a parameter of the test
    got = client.get("/version", headers={"X-Request-ID": sent}).headers["x-request-id"]
    assert (got == sent) is is_kept
    assert is_kept or re.fullmatch("[0-9a-f]{16}", got)


def test_the_request_id_is_in_the_log(lake: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with served(lake, tmp_path, log_requests=True, log_level="info") as client:
        client.get(RESULT, headers={"X-Request-ID": "find-me"})
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if "find-me" in line]
    assert [(line["path"], line["status"], line["event"]) for line in lines] == [
        ("/experiment/search|ranking/result", 200, "request")
    ]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("POST", "/experiments", 405), ("GET", "/plan", 422), ("GET", "/tables/a/b", 404)],
)
def test_errors_are_problems(client: TestClient, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    found = parse(answers.Problem, answer)
    assert (found.status, found.request_id) == (status, answer.headers["x-request-id"])
    assert found.detail


@pytest.mark.parametrize(
    "path",
    [
        RESULT, "/experiment/search|ranking", "/experiment/search|ranking/history", "/experiment/nothing",
        "/experiments", "/tables", "/quality", "/plan", "/analyze", "/health/live", "/health/ready", "/version",
        "/metrics", "/docs", "/openapi.json", "/", "/nowhere",
    ],
)  # fmt: skip
def test_head_is_get_without_the_body(client: TestClient, path: str) -> None:
    got, asked = (client.request(method, path, follow_redirects=False) for method in ("GET", "HEAD"))
    assert (asked.status_code, asked.content) == (got.status_code, b"")
    moving = {"x-request-id", "content-length"}  # ages in a body make it longer or shorter
    assert asked.headers.keys() == got.headers.keys()
    staying = got.headers.keys() - moving
    assert {name: asked.headers[name] for name in staying} == {name: got.headers[name] for name in staying}


def test_head_over_the_wire(lake: Path, tmp_path: Path) -> None:
    with listening(lake, tmp_path) as address, httpx.Client(base_url=address) as client:
        tag = client.get(RESULT).headers["etag"]
        for path in (RESULT, "/health/live", "/health/ready", "/openapi.json"):
            answer = client.head(path)
            assert (answer.status_code, answer.content) == (200, b""), path
        assert client.head(RESULT, headers={"If-None-Match": tag}).status_code == 304
        assert 'method="HEAD"' in client.get("/metrics").text


def test_other_methods_are_told_which_are_allowed(client: TestClient) -> None:
    for path in ("/experiments", "/health/ready"):
        answer = client.post(path)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_the_address_alone_leads_to_the_routes(client: TestClient) -> None:
    answer = client.get("/", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "/docs")
    assert client.get("/").status_code == 200


def test_titles_are_those_that_are_documented(client: TestClient) -> None:
    documented = client.get("/openapi.json").json()["paths"]["/plan"]["get"]["responses"]["422"]
    served_title = client.get("/plan").json()["title"]
    assert served_title == documented["content"]["application/problem+json"]["example"]["title"]
    assert (served_title, documented["description"]) == ("Unprocessable Content", "Unprocessable Content")


def test_keys(lake: Path, tmp_path: Path) -> None:
    with served(lake, tmp_path, key_hashes=["0" * 64, KEY_HASH]) as client:
        refused = [client.get(RESULT), client.get(RESULT, headers={"X-API-Key": KEY_HASH}), client.get("/docs")]
        assert {answer.status_code for answer in refused} == {401}
        assert refused[0].headers["www-authenticate"] == "Bearer"
        assert refused[0].json()["title"] == "Unauthorized"
        for headers in ({"X-API-Key": KEY}, {"Authorization": f"Bearer {KEY}"}):
            allowed = client.get(RESULT, headers=headers)
            assert (allowed.status_code, allowed.headers["cache-control"]) == (200, "private, max-age=5")
        assert client.get("/health/live").status_code == 200
        schema = client.get("/openapi.json", headers={"X-API-Key": KEY}).json()
        assert schema["security"] == [{"key": []}, {"bearer": []}]


def test_origins(lake: Path, tmp_path: Path, client: TestClient) -> None:
    origin = {"Origin": "https://dash.example"}
    assert "access-control-allow-origin" not in client.get(RESULT, headers=origin).headers
    with served(lake, tmp_path, cors_origins=["https://dash.example"], key_hashes=[KEY_HASH]) as open_one:
        asked = open_one.options(RESULT, headers=origin | {"Access-Control-Request-Method": "HEAD"})
        assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, "https://dash.example")
        foreign = open_one.get(RESULT, headers={"Origin": "https://evil.example", "X-API-Key": KEY})
        assert "access-control-allow-origin" not in foreign.headers


def test_a_time_limit(lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def slowly(*_: object) -> tuple[int, list[object]]:
        await asyncio.sleep(0.4)
        return 1, []

    monkeypatch.setattr(Planner, "compute", slowly)
    with served(lake, tmp_path, request_timeout_seconds=0.1) as client:
        answer = client.get("/plan?baseline=0.1&lift=0.1")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.json()["detail"] == "no answer within 0.1 seconds: try again later"


def test_an_unexpected_error_tells_nothing(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("/secret/path")

    monkeypatch.setattr(Planner, "compute", fail)
    answer = client.get("/plan?baseline=0.1&lift=0.1")
    assert answer.status_code == 500
    assert answer.json()["detail"] == "an unexpected error; the logs say more"
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/tables/../../etc/passwd", "/tables/..%2f..%2fetc/passwd", "/tables/gold/%2e%2e", "/tables/gold/..%5c..",
        "/experiment/..%2f..%2f..%2fetc%2fpasswd/result", "/experiment/%2e%2e/result", "/experiment/%00/result",
        "/experiment/'%20OR%201=1%20--/result", "/experiment/%F0%28%8C%28/result", "/experiment/%ED%B0%AF/result",
        "/experiment/%/result", "/experiment/%zz/result", "/experiment/{{7*7}}/result", "/experiment//result",
        "/experiments?search=%00", "/experiments?search='", "/experiments?cursor=../../x", "//etc/passwd", "/%2e%2e/",
        "/experiment/a/result?day=2021-08-01'%20OR%20'1'='1", "/experiment/a/result?day=$(id)",
    ],
)  # fmt: skip
def test_traversal_and_injection(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in {200, 404, 422}
    assert "root:" not in answer.text
    assert answer.status_code != 200 or path.startswith("/experiments")


def test_an_encoded_slash_comes_back_as_a_slash_wherever_it_stood(client: TestClient) -> None:
    assert client.get("/tables/a%2Fb/c").json()["detail"] == "no table a/b/c: see /tables"
    assert "'a/b'" in client.get("/experiment/a%2Fb/result").json()["detail"]


def test_examples_have_the_documented_shape(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    shown = 0
    for path, methods in paths.items():
        documented = methods["get"]["responses"]
        assert documented["200"]["description"], path
        for answer in documented.values():
            for content in answer.get("content", {}).values():
                shape = content.get("schema", {}).get("$ref", "").rsplit("/", 1)[-1]
                if "example" in content:
                    TypeAdapter(getattr(answers, shape)).validate_python(content["example"])
                    shown += 1
    assert shown >= 30
    assert len(paths) == 17
    assert responses.INVALID["content"]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("ABTEST_API_PORT", "1", "unknown variable ABTEST_API_PORT"),
        ("ABTEST_API_CACHE_BYTES", "much", "ABTEST_API_CACHE_BYTES = 'much'"),
        ("ABTEST_API_REFRESH_SECONDS", "-1", "ABTEST_API_REFRESH_SECONDS = '-1'"),
        ("ABTEST_API_LOG_LEVEL", "loud", "ABTEST_API_LOG_LEVEL = 'loud'"),
        ("ABTEST_API_KEY_HASHES", "secret", "ABTEST_API_KEY_HASHES = (hidden)"),
    ],
)
def test_settings_errors(monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str) -> None:
    monkeypatch.setenv("ABTEST_LAKE", "lake")
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=re.escape(message)):
        load_api_settings()


def test_settings_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABTEST_LAKE", "s3a://bucket/lake/")
    monkeypatch.setenv("ABTEST_API_CORS_ORIGINS", "https://a.example, https://b.example")
    monkeypatch.setenv("ABTEST_API_CACHE_BYTES", "2GiB")
    found = load_api_settings()
    assert (found.lake, found.cors_origins) == ("s3://bucket/lake", ("https://a.example", "https://b.example"))
    assert int(found.cache_bytes) == 2 * 1024**3


def test_a_missing_lake_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ABTEST_LAKE", raising=False)
    with pytest.raises(ConfigError, match="ABTEST_LAKE is not set"):
        load_api_settings()
