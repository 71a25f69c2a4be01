"""Structured logs: one JSON object per line on standard error."""

import io
import json
import logging
import logging.config
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO, cast

import structlog
from structlog.typing import EventDict, WrappedLogger

REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request that is being answered."""


def _add_request_id(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    request_id = REQUEST_ID.get()
    if request_id is not None:
        event["request_id"] = request_id
    return event


class _StandardError(io.TextIOBase):
    """Writes to the current `sys.stderr`, even if it has been replaced."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


STANDARD_ERROR = _StandardError()


class JsonFormatter(logging.Formatter):
    """Formats the log records of other libraries (uvicorn, asyncio) like those of this application."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one JSON object on one line, including the traceback."""
        event: dict[str, object] = {
            "event": record.getMessage(),
            "logger": record.name,
            "level": record.levelname.lower(),
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
        }
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return json.dumps(event, ensure_ascii=False, default=str)


def uvicorn_log_config(level: str) -> dict[str, object]:
    """Return the `log_config` that makes uvicorn and asyncio write JSON lines to standard error."""
    handled = {"handlers": ["json"], "level": level.upper(), "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "api.http.logs.JsonFormatter"}},
        "handlers": {
            "json": {
                "class": "logging.StreamHandler",
                "formatter": "json",
                "stream": "ext://api.http.logs.STANDARD_ERROR",
            }
        },
        "loggers": dict.fromkeys(("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio"), handled),
        "root": {"handlers": ["json"], "level": level.upper()},
    }


def configure_logs(level: str) -> None:
    """Send every log line of this process to standard error as JSON.

    Args:
        level: debug, info, warning or error.
    """
    logging.config.dictConfig(uvicorn_log_config("warning"))
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[
            _add_request_id,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", STANDARD_ERROR)),
        cache_logger_on_first_use=True,
    )
