"""Answers about the service itself, and what goes wrong."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from abtest_lib.answers.common import Instant, Release, about, answer


@answer()
class Live(TypedDict):
    """The process answers."""

    status: Annotated[Literal["alive"], about("always `alive`")]


@answer()
class Ready(TypedDict):
    """Whether the answers are current."""

    status: Annotated[Literal["ready", "not_ready"], about("`not_ready` comes with status 503")]
    problems: Annotated[list[str], about("empty when ready")]
    lake_readable: Annotated[
        bool, Field(description="whether the last look at the lake went well, and was not long ago")
    ]
    table_features_supported: Annotated[
        bool, Field(description="whether every table of the release can be read by this reader")
    ]
    warming: Annotated[bool, about("days are still being loaded; a request for one of them waits")]
    checked_at: Annotated[Instant | None, about("when the lake was last looked at")]
    release: Annotated[Release | None, about("the release that is served; null without one")]
    versions: Annotated[dict[str, int], about("table to Delta version of the release that is served")]


@answer()
class Version(TypedDict):
    """What is running."""

    version: Annotated[str, about("of the suite")]
    contract_version: Annotated[int, about("of the table contracts")]


class Problem(TypedDict):
    """What went wrong, as RFC 9457 has it; other keys are allowed."""

    type: Annotated[str, about("always `about:blank`: title and status say the kind")]
    title: Annotated[str, about("the status in words, as RFC 9110 has it")]
    status: Annotated[int, about("the HTTP status")]
    detail: Annotated[str, about("one line for a person")]
    request_id: NotRequired[Annotated[str, about("the request's id, as the logs have it")]]


@answer()
class NoData(TypedDict):
    """No such experiment, or nothing on that day."""

    detail: Annotated[str, about("one line for a person")]
