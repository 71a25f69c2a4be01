"""Answers about the service itself, and errors."""

from typing import Annotated, Literal, NotRequired

from typing_extensions import TypedDict

from abtest_lib.answers.common import Instant, Release, about, answer


@answer()
class Live(TypedDict):
    """The process is alive."""

    status: Annotated[Literal["alive"], about("always `alive`")]


@answer()
class Ready(TypedDict):
    """Whether the answers are current."""

    status: Annotated[Literal["ready", "not_ready"], about("`not_ready` comes with status 503")]
    problems: Annotated[list[str], about("why it is not ready; empty if ready")]
    lake_readable: Annotated[bool, about("whether the last check of the lake succeeded and is recent")]
    table_features_supported: Annotated[bool, about("whether this version can read every table of the release")]
    warming: Annotated[bool, about("days are still being loaded; a request for one of them waits")]
    checked_at: Annotated[Instant | None, about("when the lake was last checked")]
    release: Annotated[Release | None, about("the release that is served; null without one")]
    versions: Annotated[dict[str, int], about("the Delta version of each table of the release")]


@answer()
class Version(TypedDict):
    """The versions of the running service."""

    version: Annotated[str, about("version of the suite")]
    contract_version: Annotated[int, about("version of the table contracts")]


class Problem(TypedDict):
    """An error as a problem of RFC 9457; other keys are allowed."""

    type: Annotated[str, about("always `about:blank`")]
    title: Annotated[str, about("the title of the status in RFC 9110")]
    status: Annotated[int, about("the HTTP status")]
    detail: Annotated[str, about("one line for a person")]
    request_id: NotRequired[Annotated[str, about("the request's id in the logs")]]


@answer()
class NoData(TypedDict):
    """There is no such experiment, or no data on that day."""

    detail: Annotated[str, about("one line for a person")]
