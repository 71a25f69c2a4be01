"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from abtest_lib.storage import lake_location

_LAKE = typer.Option(parser=lake_location, metavar="TEXT", help="A directory or s3a://bucket/prefix.")

LakeOption = Annotated[str, _LAKE]
"""Where the tables live; absolute from here on."""

MaybeLakeOption = Annotated[str | None, _LAKE]
"""The same, for commands that can do without."""

ConfigOption = Annotated[Path | None, typer.Option(help="A YAML file whose settings override the profile's.")]
ProfileOption = Annotated[str, typer.Option(help="Settings to start from, a file of conf/.")]
ComputeOption = Annotated[
    str | None, typer.Option(help="auto | embedded | spark; docs/engines.md says what each is for.", metavar="ENGINE")
]
WaitOption = Annotated[float, typer.Option("--wait", help="Seconds to wait for another pipeline to end.", min=0)]
