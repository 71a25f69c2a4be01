"""`abtest forget`: remove people from a lake."""

from pathlib import Path
from typing import Annotated

import typer

from abtest_cli.options import ComputeOption, ConfigOption, LakeOption, ProfileOption, WaitOption


def forget(
    *,
    lake: LakeOption,
    user: Annotated[list[str] | None, typer.Option("--user", help="A user id; may be given several times.")] = None,
    users_file: Annotated[
        Path | None, typer.Option("--users-file", help="A text file with a user id on each line.")
    ] = None,
    config: ConfigOption = None,
    profile: ProfileOption = "local",
    wait: WaitOption = 0,
    compute: ComputeOption = None,
) -> None:
    """Remove people from every table, and keep their rows out when they are sent again.

    Silver and gold are rebuilt, and older versions of the tables that hold people are removed: give many ids at once.
    """
    import sys

    wanted = _wanted(user or [], users_file)
    from rich.console import Console

    from abtest_cli.boot import open_for_writing
    from abtest_lib.config import load_settings, with_compute
    from abtest_lib.pipeline.forget import forget as forget_users
    from abtest_lib.pipeline.progress import progress_for
    from abtest_lib.storage import check_lake

    settings = with_compute(load_settings(profile, config), compute)
    check_lake(lake)
    with open_for_writing(settings, lake, "abtest forget", wait_seconds=wait) as opened:
        removed = forget_users(opened, settings, wanted, progress_for(sys.stderr))
    console = Console()
    for item in removed:
        console.print(f"{item.table:<22} {item.rows:>9,} rows removed, {item.files:,} files left", highlight=False)
    people = "1 person is" if len(set(wanted)) == 1 else f"{len(set(wanted)):,} people are"
    console.print(f"[dim]{people} forgotten in {lake}; no file or log entry of it names them[/]", highlight=False)


def _wanted(users: list[str], users_file: Path | None) -> list[str]:
    from abtest_lib.errors import ConfigError
    from abtest_lib.user_files import check_utf8

    for given in users:
        check_utf8(given, "the user id", ConfigError)
    wanted = [*users, *_listed(users_file)]
    if not wanted or not all(wanted):
        raise ConfigError("nobody to forget: give user ids with --user ID or --users-file FILE, and none that is empty")
    return wanted


def _listed(users_file: Path | None) -> list[str]:
    from abtest_lib.errors import ConfigError
    from abtest_lib.user_files import read_user_file

    if users_file is None:
        return []
    lines = read_user_file(users_file, "the user ids", ConfigError).splitlines()
    return [line.strip() for line in lines if line.strip()]
