"""Routes about the lake: tables, quality, health, version, metrics."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from abtest_lib import __version__, answers
from abtest_lib.contracts import ALL_TABLES, CONTRACT_VERSION, METRIC_TO_DATE
from api import examples
from api.http.responses import PathText, documented, plain_reply, problem_doc, reply, service_of
from api.store.service import Service
from api.store.snapshot import Snapshot

router = APIRouter(tags=["lake"])
_CONTRACTS = {(contract.layer, contract.name): contract for contract in ALL_TABLES}


async def _overviews(service: Service) -> tuple[Snapshot, dict[str, Any]]:
    snapshot = await service.complete()
    return snapshot, await run_in_threadpool(lambda: snapshot.overviews)


@router.get(
    "/tables",
    summary="Every table of the lake, with its counts",
    responses=documented(answers.TableList, examples.TABLES),
)
async def tables(request: Request) -> Response:
    """Gold tables in the versions of the release, other tables as of the last run."""
    snapshot, content = await _overviews(service_of(request))
    shown = (row for row in content["tables"] if _is_expected(row, snapshot))
    found = [answers.TableSummary(**_counts(row), problem=row["problem"]) for row in shown]
    return reply(request, snapshot, answers.TableList(tables=found))


def _is_expected(row: dict[str, Any], snapshot: Snapshot) -> bool:
    """Return whether a release should have a table; that of metrics exists only with a catalogue or segments."""
    name = f"{row['layer']}/{row['table']}"
    return name != METRIC_TO_DATE.full_name or name in snapshot.manifest.versions


def _counts(row: dict[str, Any]) -> answers.TableCounts:
    return answers.TableCounts(
        layer=row["layer"],
        table=row["table"],
        grain=row["grain"],
        version=row["version"],
        rows=row["rows"],
        files=row["files"],
        bytes=row["bytes"],
    )


@router.get(
    "/tables/{layer}/{table}",
    summary="One table with a sample of its rows",
    responses=documented(
        answers.Table, examples.TABLE, s404=problem_doc("Not Found", 404, "no table gold/x: see /tables")
    ),
)
async def table(
    request: Request,
    layer: Annotated[PathText, Path(description="bronze, quarantine, silver, gold or ops", examples=["gold"])],
    table: Annotated[PathText, Path(description="the table's name inside the layer", examples=["experiment_daily"])],
    limit: Annotated[int, Query(ge=0, le=100, description="number of rows in the sample")] = 20,
) -> Response:
    """Ids of people are replaced by pseudonyms."""
    snapshot, content = await _overviews(service_of(request))
    contract = _CONTRACTS.get((layer, table))
    if contract is None:
        raise HTTPException(404, f"no table {layer[:80]}/{table[:80]}: see /tables")
    row = next(row for row in content["tables"] if (row["layer"], row["table"]) == (layer, table))
    columns = [
        answers.TableColumn(name=column.name, type=column.type, meaning=column.meaning) for column in contract.columns
    ]
    answer = answers.Table(**_counts(row), sample=row["sample"][:limit], problem=row["problem"], columns=columns)
    return reply(request, snapshot, answer)


@router.get(
    "/quality",
    summary="The quality of the data: runs, rejected rows, freshness",
    responses=documented(answers.Quality, examples.QUALITY, cached=False),
)
async def quality(request: Request) -> Response:
    """The newest runs first."""
    service = service_of(request)
    snapshot, content = await _overviews(service)
    freshness = answers.Freshness(
        published_at=snapshot.published_text,
        data_age_seconds=snapshot.age_seconds,
        last_day=next((day.isoformat() for day in snapshot.days), None),
        checked_at=_checked_at(service),
        lake_readable=service.lake_readable,
        problems=service.problems,
    )
    answer = answers.Quality(
        runs=content["runs"] or [],
        quarantine=content["quarantine"] or answers.Quarantine(rows=None, by_rule=[]),
        stray_days=content.get("stray_days") or [],
        freshness=freshness,
    )
    return plain_reply(answer)


def _checked_at(service: Service) -> str | None:
    return None if service.status is None else service.status.checked_at.replace("+00:00", "Z")


@router.get(
    "/health/live",
    tags=["health"],
    summary="Whether the process is alive",
    responses=documented(answers.Live, {"status": "alive"}, cached=False),
)
async def live() -> Response:
    """Restart the process if this fails."""
    return plain_reply(answers.Live(status="alive"))


@router.get(
    "/health/ready",
    tags=["health"],
    summary="Whether the answers are current",
    responses=documented(answers.Ready, examples.READY, cached=False)
    | {503: {"model": answers.Ready, "description": "Answers may be old or incomplete; `problems` says why"}},
)
async def ready(request: Request) -> Response:
    """503 if the lake cannot be read or the release is incomplete; the last release is still served."""
    service = service_of(request)
    snapshot, problems = service.snapshot, service.problems
    answer = answers.Ready(
        status="not_ready" if problems else "ready",
        problems=problems,
        lake_readable=service.lake_readable,
        table_features_supported=service.features_supported,
        warming=snapshot is None or not snapshot.complete,
        checked_at=_checked_at(service),
        release=None if snapshot is None or snapshot.manifest.run_id is None else snapshot.release(),
        versions={} if snapshot is None else snapshot.manifest.versions,
    )
    return plain_reply(answer, 503 if problems else 200)


@router.get(
    "/version",
    tags=["health"],
    summary="The running version",
    responses=documented(answers.Version, examples.VERSION, cached=False),
)
async def version() -> Response:
    """The version of the suite and of its table contracts."""
    return plain_reply(answers.Version(version=__version__, contract_version=CONTRACT_VERSION))


@router.get("/metrics", tags=["health"], summary="Metrics for Prometheus", response_class=Response)
async def metrics(request: Request) -> Response:
    """Requests, times, age of the data, readiness."""
    return Response(request.app.state.metrics.text(), media_type=CONTENT_TYPE_LATEST)
