"""Routes about the lake: tables, quality, health, version, metrics."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from abtest_lib import __version__
from abtest_lib.contracts import ALL_TABLES, CONTRACT_VERSION
from api import models
from api.http.responses import PathText, documented, plain_reply, problem_doc, reply, service_of
from api.models import examples
from api.routes.serializers import Json
from api.store.service import Service

router = APIRouter(tags=["lake"])
_SUMMARY = tuple(models.TableSummary.model_fields)
_CONTRACTS = {(contract.layer, contract.name): contract for contract in ALL_TABLES}


async def _tables(service: Service) -> tuple[Any, list[Json]]:
    snapshot = await service.complete()
    content = await run_in_threadpool(lambda: snapshot.overviews)
    tables: list[Json] = content["tables"]
    return snapshot, tables


@router.get(
    "/tables",
    summary="Every table of the lake, with its counts",
    responses=documented(models.TableList, examples.TABLES),
)
async def tables(request: Request) -> Response:
    """Gold in the versions of the release, the others as they were at the last run."""
    snapshot, found = await _tables(service_of(request))
    return reply(request, snapshot, {"tables": [{key: row[key] for key in _SUMMARY} for row in found]})


@router.get(
    "/tables/{layer}/{table}",
    summary="One table: counts and a sample of rows",
    responses=documented(
        models.Table, examples.TABLE, s404=problem_doc("Not Found", 404, "no table gold/x: see /tables")
    ),
)
async def table(
    request: Request,
    layer: Annotated[PathText, Path(description="bronze, quarantine, silver, gold or ops", examples=["gold"])],
    table: Annotated[PathText, Path(description="the table's name inside the layer", examples=["experiment_daily"])],
    limit: Annotated[int, Query(ge=0, le=100, description="rows of the sample")] = 20,
) -> Response:
    """Ids of people are replaced by pseudonyms."""
    snapshot, found = await _tables(service_of(request))
    contract = _CONTRACTS.get((layer, table))
    if contract is None:
        raise HTTPException(404, f"no table {layer[:80]}/{table[:80]}: see /tables")
    row = next(row for row in found if (row["layer"], row["table"]) == (layer, table))
    columns = [{"name": column.name, "type": column.type, "meaning": column.meaning} for column in contract.columns]
    return reply(request, snapshot, {**row, "columns": columns, "sample": row["sample"][:limit]})


@router.get(
    "/quality",
    summary="May the data be trusted today: runs, rejected rows, freshness",
    responses=documented(models.Quality, examples.QUALITY, cached=False),
)
async def quality(request: Request) -> Response:
    """The newest runs first."""
    service = service_of(request)
    snapshot = await service.complete()
    content = await run_in_threadpool(lambda: snapshot.overviews)
    return plain_reply(
        {
            "runs": content["runs"] or [],
            "quarantine": content["quarantine"] or {"rows": None, "by_rule": []},
            "stray_days": content.get("stray_days") or [],
            "freshness": {
                "published_at": snapshot.published_text,
                "data_age_seconds": snapshot.age_seconds,
                "last_day": next((day.isoformat() for day in snapshot.days), None),
                "checked_at": _checked_at(service),
                "lake_readable": service.lake_readable,
                "problems": service.problems,
            },
        }
    )


def _checked_at(service: Service) -> str | None:
    return None if service.status is None else service.status.checked_at.replace("+00:00", "Z")


@router.get(
    "/health/live",
    tags=["health"],
    summary="The process answers",
    responses=documented(models.Live, {"status": "alive"}, cached=False),
)
async def live() -> Response:
    """Restart the process when this fails."""
    return plain_reply({"status": "alive"})


@router.get(
    "/health/ready",
    tags=["health"],
    summary="The answers are current",
    responses=documented(models.Ready, examples.READY, cached=False)
    | {503: {"model": models.Ready, "description": "Answers may be old or incomplete; `problems` says why"}},
)
async def ready(request: Request) -> Response:
    """503 when the lake cannot be read or the release is not whole; the last release is still served."""
    service = service_of(request)
    snapshot, problems = service.snapshot, service.problems
    answer = {
        "status": "not_ready" if problems else "ready",
        "problems": problems,
        "lake_readable": service.lake_readable,
        "table_features_supported": service.features_supported,
        "warming": snapshot is None or not snapshot.complete,
        "checked_at": _checked_at(service),
        "release": None if snapshot is None or snapshot.manifest.run_id is None else snapshot.release(),
        "versions": {} if snapshot is None else snapshot.manifest.versions,
    }
    return plain_reply(answer, 503 if problems else 200)


@router.get(
    "/version",
    tags=["health"],
    summary="What is running",
    responses=documented(models.Version, examples.VERSION, cached=False),
)
async def version() -> Response:
    """The suite's version and that of its table contracts."""
    return plain_reply({"version": __version__, "contract_version": CONTRACT_VERSION})


@router.get("/metrics", tags=["health"], summary="For Prometheus", response_class=Response)
async def metrics(request: Request) -> Response:
    """Requests, times, age of the data, readiness."""
    return Response(request.app.state.metrics.text(), media_type=CONTENT_TYPE_LATEST)
