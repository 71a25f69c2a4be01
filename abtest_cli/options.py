"""Options that several commands share."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from abtest_lib.errors import UsageError, one_line
from abtest_lib.storage import lake_location


def parse_day(text: str | date) -> date:
    """Read a day that a person has written; a default is a date already.

    Raises:
        UsageError: It is not a day.
    """
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        raise UsageError(f"day '{one_line(text, 40)}': must be written YYYY-MM-DD, such as 2021-08-01") from None


_LAKE = typer.Option(parser=lake_location, metavar="TEXT", help="A directory or s3a://bucket/prefix.")

LakeOption = Annotated[str, _LAKE]
"""The location of the tables, made absolute."""

MaybeLakeOption = Annotated[str | None, _LAKE]
"""The same, for commands that do not require a lake."""

DayOption = Annotated[
    date | None,
    typer.Option(parser=parse_day, metavar="DAY", help="The as-of day, YYYY-MM-DD; by default the last one."),
]
ConfigOption = Annotated[Path | None, typer.Option(help="A YAML file whose settings override the profile's.")]
ProfileOption = Annotated[str, typer.Option(help="Settings to start from, a file of conf/.")]
ComputeOption = Annotated[
    str | None, typer.Option(help="auto | embedded | spark; docs/engines.md explains them.", metavar="ENGINE")
]
WaitOption = Annotated[float, typer.Option("--wait", help="Seconds to wait for another pipeline to end.", min=0)]
