"""The client: its requests, and the error for every kind of failure."""

from collections.abc import Callable

import httpx
import pytest

from dashboard.client import ApiError, Client, ErrorKind

Handler = Callable[[httpx.Request], httpx.Response]


def client(handler: Handler, key: str | None = None) -> Client:
    return Client("http://api.test/", key, httpx.MockTransport(handler))


def answering(status: int, text: str) -> Handler:
    return lambda _: httpx.Response(status, text=text)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (404, ErrorKind.NO_DATA),
        (503, ErrorKind.NOT_READY),
        (502, ErrorKind.NOT_READY),
        (401, ErrorKind.REFUSED),
        (422, ErrorKind.OTHER),
        (500, ErrorKind.OTHER),
    ],
)
def test_each_status_has_a_kind_of_error(status: int, kind: ErrorKind) -> None:
    with client(answering(status, '{"detail": "the reason"}')) as api, pytest.raises(ApiError) as caught:
        api.experiments()
    assert (caught.value.kind, caught.value.detail) == (kind, "the reason")


@pytest.mark.parametrize("error", [httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), httpx.ReadError("cut")])
def test_no_answer_is_an_api_that_is_down(error: httpx.HTTPError) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    with client(fail) as api, pytest.raises(ApiError) as caught:
        api.tables()
    assert caught.value.kind is ErrorKind.DOWN
    assert caught.value.detail == str(error)


def test_an_answer_that_is_not_json_is_another_server() -> None:
    with client(answering(200, "<html>")) as api, pytest.raises(ApiError) as caught:
        api.quality()
    assert caught.value.kind is ErrorKind.OTHER
    assert "is this the API's address?" in caught.value.detail


def test_an_error_that_is_not_json_is_shown_as_it_is() -> None:
    with client(answering(500, "oh\nno")) as api, pytest.raises(ApiError) as caught:
        api.quality()
    assert caught.value.detail == "oh no"


def test_not_ready_is_an_answer_to_ready() -> None:
    with client(answering(503, '{"status": "not_ready", "problems": ["gone"], "release": null}')) as api:
        assert api.ready()["problems"] == ["gone"]


@pytest.mark.parametrize("body", ["<html>busy</html>", '{"detail": "busy"}', ""])
def test_the_503_of_a_proxy_is_not_an_answer_to_ready(body: str) -> None:
    with client(answering(503, body)) as api, pytest.raises(ApiError) as caught:
        api.ready()
    assert caught.value.kind is ErrorKind.NOT_READY


def test_requests_are_quoted_carry_the_key_and_leave_out_what_is_none() -> None:
    seen: list[httpx.Request] = []

    def note(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={})

    with client(note, key="secret") as api:
        api.history("a/b c#?|%ü", "2021-08-01")
        api.experiments(search=None, changed=True, limit=5)
    first, second = seen
    assert first.url.raw_path == b"/experiment/a%2Fb%20c%23%3F%7C%25%C3%BC/history?last_day=2021-08-01&window=to_date"
    assert second.url.raw_path == b"/experiments?changed=true&limit=5"
    assert {request.headers["X-API-Key"] for request in seen} == {"secret"}
