"""`abtest run`: raw events to verdicts, in one go."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from abtest_cli.options import ComputeOption, ConfigOption, LakeOption, ProfileOption, WaitOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from abtest_lib.config import Settings
    from abtest_lib.pipeline.history import StepReport


def run(
    lake: LakeOption,
    input_path: Annotated[
        str | None,
        typer.Option("--input", help="Events: CSV (.gz), JSON lines or Parquet; a file, a folder or a glob."),
    ] = None,
    config: ConfigOption = None,
    profile: ProfileOption = "local",
    full_refresh: Annotated[
        bool, typer.Option("--full-refresh", help="Rebuild all tables from bronze, with the settings of this run.")
    ] = False,
    wait: WaitOption = 0,
    compute: ComputeOption = None,
) -> None:
    """Run the whole pipeline and print what happened to the events, and the verdicts.

    Without --input the tables are brought up to date with bronze. Running again is always safe.
    """
    from abtest_lib.config import load_settings, with_compute
    from abtest_lib.errors import ConfigError
    from abtest_lib.ingest.input_files import local_text_bytes
    from abtest_lib.metrics import load_catalogue
    from abtest_lib.pipeline.ingest_bronze import reject_overlap
    from abtest_lib.registry import load_registry
    from abtest_lib.storage import check_location

    check_location(input_path or "")
    if input_path is None and not full_refresh and not Path(lake).exists() and "://" not in lake:
        raise ConfigError(f"lake {lake} does not exist yet: give --input with the events to start it")
    settings = with_compute(load_settings(profile, config), compute)
    load_registry(settings.registry, load_catalogue(settings))
    if input_path is not None:
        reject_overlap(input_path, lake)
    text_bytes = None if input_path is None else local_text_bytes(input_path)
    _run(settings, input_path, text_bytes, lake, wait, full_refresh=full_refresh)


def _run(
    settings: "Settings", input_path: str | None, text_bytes: int | None, lake: str, wait: float, *, full_refresh: bool
) -> None:
    import sys
    from time import perf_counter

    from rich.console import Console

    from abtest_cli.boot import open_for_writing
    from abtest_cli.summary import print_summary
    from abtest_lib.pipeline.progress import progress_for
    from abtest_lib.pipeline.runner import run_pipeline
    from abtest_lib.spark.session import keep_classes

    began = perf_counter()
    with open_for_writing(
        settings, lake, "abtest run", wait_seconds=wait, input_path=input_path, input_bytes=text_bytes
    ) as opened:
        progress = progress_for(sys.stderr)
        reports = run_pipeline(opened, settings, input_path, full_refresh=full_refresh, progress=progress)
        print_summary(opened.path, reports, perf_counter() - began)
        _refuse_all_rejected(reports, input_path)
        with Console(stderr=True).status("keeping Spark's classes for faster starts (once)"):
            keep_classes(opened.session)


def _refuse_all_rejected(reports: "Sequence[StepReport]", input_path: str | None) -> None:
    """Raise if every row was rejected, so that a scheduler sees the exit code of bad input."""
    from abtest_lib.errors import InputError

    for report in reports:
        if report.rows_quarantined and report.rows_quarantined == report.rows_read:
            raise InputError(
                f"every row of {input_path} was rejected ({report.rows_quarantined:,}): the summary above says why; "
                "nothing was lost, the rows are in quarantine/events"
            )
