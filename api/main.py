"""The application, `api.main:app`.

Start several processes behind a balancer, or use `uvicorn --workers`. Never fork a process that has loaded the
application (gunicorn --preload).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from starlette.responses import RedirectResponse, Response

from abtest_lib import __version__, answers
from api.http import errors
from api.http.fast_result import FastResultMiddleware
from api.http.logs import configure_logs
from api.http.metrics import Metrics
from api.http.middleware import RequestMiddleware
from api.routes import analysis, catalogue, experiments, lake, plan
from api.settings import ApiSettings, load_api_settings
from api.store.service import Service

_DESCRIPTION = "Verdicts of A/B tests, from one release of the gold tables at a time."
_ROUTERS = (experiments.router, catalogue.router, lake.router, plan.router, analysis.router)
_GZIP_FROM = 1_000  # bytes


def create_app(settings: ApiSettings | None = None) -> FastAPI:
    """Build the application.

    Args:
        settings: The settings; None reads them from the environment.

    Raises:
        ConfigError: A setting is missing or not allowed.
    """
    settings = settings or load_api_settings()
    configure_logs(settings.log_level)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with app.state.service:
            yield

    app = FastAPI(
        title="A/B-testing suite",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.state.service = Service(settings)
    app.state.metrics = Metrics(app.state.service)
    visibility = "private" if settings.key_hashes else "public"
    app.state.cache_control = f"{visibility}, max-age={settings.max_age_seconds}"
    errors.install(app)
    for router in _ROUTERS:
        app.include_router(router)
    app.add_api_route("/", _to_docs, include_in_schema=False)
    _add_middleware(app, settings)
    _complete_openapi(app, has_keys=bool(settings.key_hashes))
    return app


async def _to_docs(request: Request) -> Response:
    """Redirect `/` to the documentation of the routes."""
    return RedirectResponse(request.url_for("swagger_ui_html").path)


def _add_middleware(app: FastAPI, settings: ApiSettings) -> None:
    """Add the middleware; the last one added is the outermost."""
    route = next(route for route in experiments.router.routes if route.name == "result")  # type: ignore[attr-defined]
    app.add_middleware(FastResultMiddleware, service=app.state.service, route=route)
    app.add_middleware(GZipMiddleware, minimum_size=_GZIP_FROM, compresslevel=4)
    app.add_middleware(RequestMiddleware, settings=settings, metrics=app.state.metrics)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "HEAD"],
            allow_headers=["X-API-Key", "Authorization", "X-Request-ID", "If-None-Match"],
            expose_headers=["ETag", "X-Request-ID"],
        )


def _complete_openapi(app: FastAPI, *, has_keys: bool) -> None:
    """Add the schemas of errors, which no route declares, and how keys are sent."""
    make = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = make()
            shapes = schema.setdefault("components", {}).setdefault("schemas", {})
            shapes["Problem"] = TypeAdapter(answers.Problem).json_schema()
            shapes["NoData"] = TypeAdapter(answers.NoData).json_schema()
            _put_examples_back(schema["paths"])
            if has_keys:
                schema["components"]["securitySchemes"] = {
                    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                    "bearer": {"type": "http", "scheme": "bearer"},
                }
                schema["security"] = [{"key": []}, {"bearer": []}]
        return app.openapi_schema or {}

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend it


def _put_examples_back(paths: dict[str, Any]) -> None:
    """Restore the nulls in the examples, which FastAPI 0.165 leaves out."""
    for route in (route for router in _ROUTERS for route in router.routes if isinstance(route, APIRoute)):
        for status, answer in route.responses.items():
            for kind, content in answer.get("content", {}).items():
                shown = paths[route.path_format]["get"]["responses"][str(status)]["content"][kind]
                shown["example"] = content["example"]


def __getattr__(name: str) -> FastAPI:
    """Build `app` on first access; importing this module reads no settings and opens nothing."""
    if name == "app":
        return create_app()
    raise AttributeError(f"module {__name__} has no attribute {name}")
