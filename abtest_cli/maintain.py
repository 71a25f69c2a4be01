"""`abtest maintain`: compaction, checkpoints, and removal of old files."""

from typing import TYPE_CHECKING, Annotated

import typer

from abtest_cli.options import ComputeOption, ConfigOption, LakeOption, ProfileOption, WaitOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abtest_lib.pipeline.maintain import MaintainedTable


def maintain(
    *,
    lake: LakeOption,
    keep_days: Annotated[
        int, typer.Option("--keep-days", help="Days to keep releases and older versions.", min=1, max=3650)
    ] = 7,
    log_days: Annotated[int, typer.Option("--log-days", help="Days to keep the tables' logs.", min=1, max=3650)] = 30,
    quarantine_days: Annotated[
        int | None, typer.Option("--quarantine-days", help="Days to keep rejected rows; by default for ever.", min=1)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing, only count files and bytes.")] = False,
    config: ConfigOption = None,
    profile: ProfileOption = "local",
    wait: WaitOption = 0,
    compute: ComputeOption = None,
) -> None:
    """Compact the tables, publish a release, and remove files beyond the oldest release kept.

    Safe while an API reads the lake, and safe to repeat.
    """
    import sys
    from datetime import timedelta

    from abtest_cli.boot import open_for_writing
    from abtest_lib.config import load_settings, with_compute
    from abtest_lib.pipeline.maintain import Keep
    from abtest_lib.pipeline.maintain import maintain as maintain_lake
    from abtest_lib.pipeline.progress import progress_for
    from abtest_lib.storage import check_lake

    settings = with_compute(load_settings(profile, config), compute)
    check_lake(lake)
    quarantine = None if quarantine_days is None else timedelta(days=quarantine_days)
    keep = Keep(timedelta(days=keep_days), timedelta(days=log_days), quarantine)
    with open_for_writing(settings, lake, "abtest maintain", wait_seconds=wait) as opened:
        done = maintain_lake(opened, settings, keep, dry_run=dry_run, progress=progress_for(sys.stderr))
    _print(lake, done, dry_run=dry_run)


def _print(lake: str, done: "Sequence[MaintainedTable]", *, dry_run: bool) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.filesize import decimal
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("Tables", no_wrap=True)
    names = ("files", "in use", "log", "bytes") if dry_run else ("files", "then", "bytes", "then")
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    for item in done:
        before, after = item.before, item.after
        if dry_run:
            numbers = (before.files, before.live_files, before.log_files)
            table.add_row(item.table, *(f"{number:,}" for number in numbers), decimal(before.stored_bytes))
        else:
            sizes = (decimal(before.stored_bytes), decimal(after.stored_bytes))
            table.add_row(item.table, f"{before.files:,}", f"{after.files:,}", *sizes)
    console = Console()
    console.print(table)
    files = sum(item.before.files - item.after.files for item in done)
    freed = sum(item.before.stored_bytes - item.after.stored_bytes for item in done)
    said = "nothing was changed" if dry_run else f"{files:,} files fewer, {_signed(freed)}"
    console.print(f"[dim]{lake} · {said}[/]", highlight=False)


def _signed(freed: int) -> str:
    from rich.filesize import decimal

    return f"{decimal(freed)} freed" if freed >= 0 else f"{decimal(-freed)} more, for checkpoints"
