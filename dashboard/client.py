"""An HTTP client of the API: typed answers, time limits, and one kind of error."""

from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from time import perf_counter
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import quote

import httpx

from abtest_lib import answers
from abtest_lib.contracts.enums import Window
from abtest_lib.errors import AbtestError, one_line
from dashboard import labels

_TIMEOUT = httpx.Timeout(20.0, connect=3.0)
_DENSITY_POINTS = 120
Param = str | float | bool | None
Params = dict[str, Param]


class ErrorKind(Enum):
    """Why the API gave no usable answer."""

    DOWN = "down"
    """Nothing listens at the address, or no answer came in time."""
    NO_DATA = "no_data"
    """404: no such experiment, day or table."""
    NOT_READY = "not_ready"
    """503: nothing is published yet, or the API is overloaded."""
    REFUSED = "refused"
    """401 or 403: the API needs a key."""
    OTHER = "other"
    """Anything else, such as a request that the API does not understand."""


_KIND_OF_STATUS: dict[int, ErrorKind] = {
    HTTPStatus.NOT_FOUND: ErrorKind.NO_DATA,
    HTTPStatus.SERVICE_UNAVAILABLE: ErrorKind.NOT_READY,
    HTTPStatus.BAD_GATEWAY: ErrorKind.NOT_READY,
    HTTPStatus.GATEWAY_TIMEOUT: ErrorKind.NOT_READY,
    HTTPStatus.UNAUTHORIZED: ErrorKind.REFUSED,
    HTTPStatus.FORBIDDEN: ErrorKind.REFUSED,
}


class ApiError(AbtestError):
    """The API gave no usable answer.

    Attributes:
        kind: The kind of error.
        detail: The message of the API or of the network; one line.
        url: The address of the request.
    """

    def __init__(self, kind: ErrorKind, detail: str, url: str) -> None:
        super().__init__(f"{url}: {detail}")
        self.kind = kind
        self.detail = detail
        self.url = url


@dataclass(frozen=True, slots=True)
class HttpCall:
    """One request and its answer.

    Attributes:
        url: The whole address.
        status: The HTTP status.
        seconds: The time from sending to the end of the answer.
        body: The answer as text.
    """

    url: str
    status: int
    seconds: float
    body: str


def experiment_path(name: str, part: str = "") -> str:
    """Return the path of an experiment, or of a part of it such as `history`.

    Examples:
        >>> experiment_path("search/new ranking", "history")
        '/experiment/search%2Fnew%20ranking/history'
    """
    return f"/experiment/{quote(name, safe='')}" + (f"/{part}" if part else "")


class Client:
    """Send requests to the API and return its answers.

    Args:
        api: The address of the API, such as `http://127.0.0.1:8000`.
        key: The API key, if the API needs one.
        transport: Another way to send requests, for tests.
    """

    def __init__(self, api: str, key: str | None = None, transport: httpx.BaseTransport | None = None) -> None:
        self.api = api.rstrip("/")
        headers = {"X-API-Key": key} if key else {}
        self._http = httpx.Client(base_url=self.api, headers=headers, timeout=_TIMEOUT, transport=transport)

    def __enter__(self) -> Self:
        """Return the client; connections are opened by the first request."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection."""
        self._http.close()

    def send(self, path: str, params: Params | None = None) -> HttpCall:
        """Send one GET and return the answer, whatever its status.

        Args:
            path: The path from the root, quoted.
            params: The query; parameters that are None are left out.

        Returns:
            The call.

        Raises:
            ApiError: No answer came.
        """
        query = {key: _encode(value) for key, value in (params or {}).items() if value is not None}
        url, started = self.api + path, perf_counter()
        try:
            response = self._http.get(path, params=query)
        except httpx.HTTPError as error:
            raise ApiError(ErrorKind.DOWN, one_line(error) or type(error).__name__, url) from error
        except (httpx.InvalidURL, UnicodeError) as error:
            raise ApiError(ErrorKind.OTHER, one_line(error), url) from error
        return HttpCall(str(response.url), response.status_code, perf_counter() - started, response.text)

    def get(self, path: str, params: Params | None = None, *, accepted: tuple[int, ...] = (HTTPStatus.OK,)) -> Any:  # noqa: ANN401  JSON
        """Send one GET and return the answer as JSON.

        Args:
            path: The path from the root, quoted.
            params: The query.
            accepted: The statuses that count as answers.

        Returns:
            The answer.

        Raises:
            ApiError: There is no answer, or its status is not accepted.
        """
        call = self.send(path, params)
        content = _parse_json(call)
        if call.status in accepted:
            return content
        message = _detail(content) or call.body or HTTPStatus(call.status).phrase
        raise ApiError(_KIND_OF_STATUS.get(call.status, ErrorKind.OTHER), one_line(message), call.url)

    def ready(self) -> answers.Ready:
        """Ask whether the answers are current.

        The API's own 503 is an answer here; the 503 of a proxy in front of it is an error.
        """
        answer = self.get("/health/ready", accepted=(HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE))
        if not isinstance(answer, dict) or "release" not in answer:
            message = one_line(_detail(answer) or HTTPStatus.SERVICE_UNAVAILABLE.phrase)
            raise ApiError(ErrorKind.NOT_READY, message, f"{self.api}/health/ready")
        return cast("answers.Ready", answer)

    def experiments(self, **query: str | int | bool | None) -> answers.ExperimentList:
        """Return one page of experiments; `query` holds the parameters of the route."""
        return cast("answers.ExperimentList", self.get("/experiments", dict(query)))

    def experiment(self, name: str) -> answers.Experiment:
        """Return one experiment with its days and arms."""
        return cast("answers.Experiment", self.get(experiment_path(name)))

    def result(self, name: str, day: str | None = None) -> answers.Result:
        """Return the result of one experiment on one day."""
        answer = self.get(experiment_path(name, "result"), {"day": day})
        return cast("answers.Result", answer["results"])

    def history(self, name: str, last_day: str | None = None, window: str = Window.TO_DATE) -> answers.History:
        """Return one experiment day by day, up to a day."""
        answer = self.get(experiment_path(name, "history"), {"last_day": last_day, "window": window})
        return cast("answers.History", answer)

    def posterior(self, name: str, day: str | None = None, window: str = Window.TO_DATE) -> answers.Posterior:
        """Return the posteriors of one experiment on one day."""
        query: Params = {"day": day, "window": window, "points": _DENSITY_POINTS}
        return cast("answers.Posterior", self.get(experiment_path(name, "posterior"), query))

    def metrics(self, name: str, day: str | None = None) -> list[answers.MetricResult]:
        """Return the metrics of one experiment on one day, of all users and of segments."""
        return cast("list[answers.MetricResult]", self.get(experiment_path(name, "metrics"), {"day": day})["metrics"])

    def funnel(self, name: str, day: str | None = None) -> answers.Funnel:
        """Return the funnel of one experiment on one day."""
        return cast("answers.Funnel", self.get(experiment_path(name, "funnel"), {"day": day}))

    def tables(self) -> list[answers.TableSummary]:
        """Return every table of the lake."""
        return cast("list[answers.TableSummary]", self.get("/tables")["tables"])

    def table(self, layer: str, table: str, limit: int = 20) -> answers.Table:
        """Return one table with a sample of its rows."""
        path = f"/tables/{quote(layer, safe='')}/{quote(table, safe='')}"
        return cast("answers.Table", self.get(path, {"limit": limit}))

    def quality(self) -> answers.Quality:
        """Return runs, rejected rows and the age of the data."""
        return cast("answers.Quality", self.get("/quality"))

    def plan(self, **query: str | float | None) -> answers.Plan:
        """Return how many users and days an effect needs; `query` holds the parameters of the route."""
        return cast("answers.Plan", self.get("/plan", dict(query)))

    def analyze(self, **query: str | None) -> answers.Analysis:
        """Return what counts at hand say; `query` holds the parameters of the route."""
        return cast("answers.Analysis", self.get("/analyze", dict(query)))

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        return cast("dict[str, Any]", self.get("/openapi.json"))


def require_day(detail: answers.Experiment, day: str) -> None:
    """Check that an experiment has data on a day.

    Raises:
        ApiError: It has none.
    """
    days = detail["days"]
    if day not in days:
        message = labels.NO_SUCH_DAY.format(day=day, first=days[0], last=days[-1])
        raise ApiError(ErrorKind.NO_DATA, message, experiment_path(detail["name"]))


def _encode(value: Param) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _detail(content: object) -> object:
    return content.get("detail") if isinstance(content, dict) else None


def _parse_json(call: HttpCall) -> Any:  # noqa: ANN401  JSON
    try:
        return httpx.Response(call.status, text=call.body).json()
    except ValueError:
        if call.status == HTTPStatus.OK:
            message = "the answer is not JSON: is this the API's address?"
            raise ApiError(ErrorKind.OTHER, message, call.url) from None
        return None
