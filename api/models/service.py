"""Answers about the service itself, and what goes wrong."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from api.models.common import Answer, Release


class Live(Answer):
    """The process answers."""

    status: Literal["alive"]


class Ready(Answer):
    """Whether the answers are current."""

    status: Literal["ready", "not_ready"]
    problems: list[str] = Field(description="empty when ready")
    lake_readable: bool
    table_features_supported: bool
    warming: bool = Field(description="days are still being loaded; a request for one of them waits")
    checked_at: datetime | None
    release: Release | None
    versions: dict[str, int] = Field(description="table to Delta version of the release that is served")


class Version(Answer):
    """What is running."""

    version: str
    contract_version: int


class Problem(BaseModel):
    """What went wrong, as RFC 9457 has it."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    request_id: str | None = None


class NoData(Answer):
    """No such experiment, or nothing on that day."""

    detail: str
