"""The start of every command that writes a lake: first the lease, then the engine."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from abtest_lib.config import Settings
    from abtest_lib.lake.lake import Lake


@contextmanager
def open_for_writing(
    settings: "Settings",
    lake: str,
    app_name: str,
    *,
    wait_seconds: float,
    input_path: str | None = None,
    input_bytes: int | None = None,
) -> Iterator["Lake"]:
    """Open a lake for a command that writes it, with a spinner while Spark starts.

    Args:
        settings: The settings.
        lake: The location of the lake.
        app_name: The name of the application, as Spark shows it.
        wait_seconds: How long to wait for another pipeline to finish.
        input_path: The raw events that will be read.
        input_bytes: About how many bytes of text they hold, if known.

    Yields:
        The lake; this process owns its lease until the block ends.

    Raises:
        AbtestError: As `abtest_lib.lake.lake.open_lake`.
    """
    from rich.console import Console

    from abtest_lib.lake.lake import open_lake

    wait = timedelta(seconds=wait_seconds)
    opening = open_lake(settings, lake, app_name=app_name, input_path=input_path, input_bytes=input_bytes, wait=wait)
    console = Console(stderr=True)
    with ExitStack() as stack:
        with console.status("starting the engine"):
            opened = stack.enter_context(opening)
        console.print(f"[dim]{opened.choice}[/]", highlight=False)
        if opened.choice is not None and opened.choice.warning:
            console.print(f"[yellow]note:[/] {opened.choice.warning}", highlight=False)
        yield opened
