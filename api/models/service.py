"""Answers about the service itself, and what goes wrong."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from api.models.common import Answer, Release


class Live(Answer):
    """The process answers."""

    status: Literal["alive"] = Field(description="always `alive`")


class Ready(Answer):
    """Whether the answers are current."""

    status: Literal["ready", "not_ready"] = Field(description="`not_ready` comes with status 503")
    problems: list[str] = Field(description="empty when ready")
    lake_readable: bool = Field(description="whether the last look at the lake went well, and was not long ago")
    table_features_supported: bool = Field(description="whether every table of the release can be read by this reader")
    warming: bool = Field(description="days are still being loaded; a request for one of them waits")
    checked_at: datetime | None = Field(description="when the lake was last looked at")
    release: Release | None = Field(description="the release that is served; null without one")
    versions: dict[str, int] = Field(description="table to Delta version of the release that is served")


class Version(Answer):
    """What is running."""

    version: str = Field(description="of the suite")
    contract_version: int = Field(description="of the table contracts")


class Problem(BaseModel):
    """What went wrong, as RFC 9457 has it."""

    model_config = ConfigDict(extra="allow")

    type: str = Field("about:blank", description="always `about:blank`: title and status say the kind")
    title: str = Field(description="the status in words, as RFC 9110 has it")
    status: int = Field(description="the HTTP status")
    detail: str = Field(description="one line for a person")
    request_id: str | None = Field(None, description="the request's id, as the logs have it")


class NoData(Answer):
    """No such experiment, or nothing on that day."""

    detail: str = Field(description="one line for a person")
