"""The API as Python: typed answers, time limits, and one kind of error with a few named states."""

from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from time import perf_counter
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import quote

import httpx

from abtest_lib.errors import AbtestError, one_line
from dashboard import shapes, shapes_lake

_TIMEOUT = httpx.Timeout(20.0, connect=3.0)
Param = str | float | bool | None
Params = dict[str, Param]


class Trouble(Enum):
    """Why there is no answer."""

    DOWN = "down"
    """Nobody listens at the address, or no answer came in time."""
    NO_DATA = "no_data"
    """404: no such experiment, day or table."""
    NOT_READY = "not_ready"
    """503: nothing was published yet, or the API is overloaded."""
    REFUSED = "refused"
    """401 or 403: a key is needed."""
    OTHER = "other"
    """Anything else, such as a request that the API does not understand."""


class ApiError(AbtestError):
    """The API gave no usable answer.

    Attributes:
        trouble: Which of the states this is.
        detail: The API's own words, or the network's; one line.
        url: What was asked.
    """

    def __init__(self, trouble: Trouble, detail: str, url: str) -> None:
        super().__init__(f"{url}: {detail}")
        self.trouble = trouble
        self.detail = detail
        self.url = url


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, as they went over the wire.

    Attributes:
        url: The whole address.
        status: The HTTP status.
        seconds: From sending to the end of the answer.
        body: The answer as text.
    """

    url: str
    status: int
    seconds: float
    body: str


def experiment_path(name: str, part: str = "") -> str:
    """The path of an experiment, or of a part of it such as `history`.

    Examples:
        >>> experiment_path("search/new ranking", "history")
        '/experiment/search%2Fnew%20ranking/history'
    """
    return f"/experiment/{quote(name, safe='')}" + (f"/{part}" if part else "")


class Client:
    """An HTTP client of the API.

    Args:
        api: Its address, such as `http://127.0.0.1:8000`.
        key: The API key, where one is needed.
        transport: Another way to send requests, for tests.
    """

    def __init__(self, api: str, key: str | None = None, transport: httpx.BaseTransport | None = None) -> None:
        self.api = api.rstrip("/")
        headers = {"X-API-Key": key} if key else {}
        self._http = httpx.Client(base_url=self.api, headers=headers, timeout=_TIMEOUT, transport=transport)

    def __enter__(self) -> Self:
        """Nothing to do: connections are opened when they are needed."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection."""
        self._http.close()

    def send(self, path: str, params: Params | None = None) -> Exchange:
        """One GET, whatever its status.

        Args:
            path: From the root, quoted.
            params: The query; those that are None are left out.

        Returns:
            The exchange.

        Raises:
            ApiError: No answer came.
        """
        given = {key: _text(value) for key, value in (params or {}).items() if value is not None}
        url, began = self.api + path, perf_counter()
        try:
            answer = self._http.get(path, params=given)
        except httpx.HTTPError as error:
            raise ApiError(Trouble.DOWN, one_line(error) or type(error).__name__, url) from error
        except (httpx.InvalidURL, UnicodeError) as error:
            raise ApiError(Trouble.OTHER, one_line(error), url) from error
        return Exchange(str(answer.url), answer.status_code, perf_counter() - began, answer.text)

    def get(self, path: str, params: Params | None = None, *, also: tuple[int, ...] = ()) -> Any:  # noqa: ANN401  JSON
        """One answer as JSON.

        Args:
            path: From the root, quoted.
            params: The query.
            also: Statuses beside 200 that are answers too.

        Returns:
            The answer.

        Raises:
            ApiError: There is none.
        """
        exchange = self.send(path, params)
        content = _json(exchange)
        if exchange.status == HTTPStatus.OK or exchange.status in also:
            return content
        detail = content.get("detail") if isinstance(content, dict) else None
        words = one_line(detail or exchange.body or HTTPStatus(exchange.status).phrase)
        raise ApiError(_trouble(exchange.status), words, exchange.url)

    def ready(self) -> shapes.Ready:
        """Whether the answers are current; the API's own 503 is an answer here, that of a proxy before it is not."""
        answer = self.get("/health/ready", also=(HTTPStatus.SERVICE_UNAVAILABLE,))
        if not isinstance(answer, dict) or "release" not in answer:
            detail = answer.get("detail") if isinstance(answer, dict) else None
            words = one_line(detail or HTTPStatus.SERVICE_UNAVAILABLE.phrase)
            raise ApiError(Trouble.NOT_READY, words, f"{self.api}/health/ready")
        return cast("shapes.Ready", answer)

    def experiments(self, **query: str | int | bool | None) -> shapes.ExperimentList:
        """A page of experiments; `query` as the route has it."""
        return cast("shapes.ExperimentList", self.get("/experiments", dict(query)))

    def experiment(self, name: str) -> shapes.Experiment:
        """What is known of one experiment."""
        return cast("shapes.Experiment", self.get(experiment_path(name)))

    def result(self, name: str, day: str | None = None) -> shapes.Result:
        """The result of one experiment on one day."""
        answer = self.get(experiment_path(name, "result"), {"day": day})
        return cast("shapes.Result", answer["results"])

    def history(self, name: str, last_day: str | None = None, window: str = "to_date") -> shapes.History:
        """The series of one experiment up to a day."""
        answer = self.get(experiment_path(name, "history"), {"last_day": last_day, "window": window})
        return cast("shapes.History", answer)

    def posterior(self, name: str, day: str | None = None, window: str = "to_date") -> shapes.Posterior:
        """The posteriors of one experiment on one day."""
        answer = self.get(experiment_path(name, "posterior"), {"day": day, "window": window, "points": 120})
        return cast("shapes.Posterior", answer)

    def funnel(self, name: str, day: str | None = None) -> shapes.Funnel:
        """The funnel of one experiment on one day."""
        return cast("shapes.Funnel", self.get(experiment_path(name, "funnel"), {"day": day}))

    def tables(self) -> list[shapes_lake.TableSummary]:
        """Every table of the lake."""
        return cast("list[shapes_lake.TableSummary]", self.get("/tables")["tables"])

    def table(self, layer: str, table: str, limit: int = 20) -> shapes_lake.Table:
        """One table with a sample of its rows."""
        path = f"/tables/{quote(layer, safe='')}/{quote(table, safe='')}"
        return cast("shapes_lake.Table", self.get(path, {"limit": limit}))

    def quality(self) -> shapes_lake.Quality:
        """Runs, rejected rows and freshness."""
        return cast("shapes_lake.Quality", self.get("/quality"))

    def plan(self, **query: str | float | None) -> shapes.Plan:
        """How many users and days an effect needs."""
        return cast("shapes.Plan", self.get("/plan", dict(query)))

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document."""
        return cast("dict[str, Any]", self.get("/openapi.json"))


def _text(value: Param) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _json(exchange: Exchange) -> Any:  # noqa: ANN401  whatever came
    try:
        return httpx.Response(exchange.status, text=exchange.body).json()
    except ValueError:
        if exchange.status == HTTPStatus.OK:
            raise ApiError(Trouble.OTHER, "the answer is not JSON: is this the API's address?", exchange.url) from None
        return None


def _trouble(status: int) -> Trouble:
    if status == HTTPStatus.NOT_FOUND:
        return Trouble.NO_DATA
    if status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT}:
        return Trouble.NOT_READY
    return Trouble.REFUSED if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN} else Trouble.OTHER
