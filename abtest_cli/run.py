"""`abtest run`: raw events to verdicts, in one go."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from abtest_cli.options import ConfigOption, LakeOption, ProfileOption, WaitOption

if TYPE_CHECKING:
    from abtest_lib.config import Settings


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
) -> None:
    """Run the whole pipeline and print what happened to the events, and the verdicts.

    Without --input the tables are brought up to date with what bronze holds. Running again is always safe.
    """
    from datetime import timedelta

    from abtest_lib.config import load_settings
    from abtest_lib.errors import ConfigError
    from abtest_lib.lake.lease import held_for_run
    from abtest_lib.pipeline.ingest_bronze import reject_overlap
    from abtest_lib.registry import load_registry
    from abtest_lib.spark.source import local_text_bytes
    from abtest_lib.storage import check_location, use_object_store

    check_location(input_path or "")
    if input_path is None and not full_refresh and not Path(lake).exists() and "://" not in lake:
        raise ConfigError(f"lake {lake} does not exist yet: give --input with the events to start it")
    settings = load_settings(profile, config)
    load_registry(settings.registry)
    use_object_store(settings)
    if input_path is not None:
        reject_overlap(input_path, lake)
    text_bytes = None if input_path is None else local_text_bytes(input_path)
    with held_for_run(settings, lake, timedelta(seconds=wait)):
        _run(settings, input_path, text_bytes, lake, full_refresh)


def _run(settings: "Settings", input_path: str | None, text_bytes: int | None, lake: str, full_refresh: bool) -> None:
    import sys
    from time import perf_counter

    from rich.console import Console

    from abtest_cli.summary import print_summary
    from abtest_lib.pipeline.progress import progress_for
    from abtest_lib.pipeline.run import run_pipeline
    from abtest_lib.spark.session import build_session, keep_classes

    console = Console(stderr=True)
    began = perf_counter()
    with console.status("starting Spark"):
        spark = build_session(settings, "abtest run", text_bytes, (lake, input_path or ""))
    progress = progress_for(sys.stderr)
    reports = run_pipeline(spark, settings, input_path, lake, full_refresh=full_refresh, progress=progress)
    print_summary(lake, reports, perf_counter() - began)
    with console.status("keeping Spark's classes for faster starts (once)"):
        keep_classes(spark)
