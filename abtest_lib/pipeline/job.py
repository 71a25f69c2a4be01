"""The entry point of every spark-submit job: arguments, session, exit code."""

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

from abtest_lib.config import load_settings, profiles
from abtest_lib.errors import AbtestError
from abtest_lib.lake.lake import open_lake
from abtest_lib.pipeline.progress import progress_for, say_error
from abtest_lib.pipeline.runner import run_steps
from abtest_lib.pipeline.step import Step
from abtest_lib.storage import check_location

Steps = Callable[[argparse.Namespace], Sequence[Step]]


def job_main(name: str, description: str, steps: Steps, *, takes_input: bool = False) -> None:
    """Run one job from the command line and exit: 0 for success, 2 for bad input, 1 for a failure.

    Args:
        name: The job's name, shown by Spark.
        description: What `--help` says.
        steps: The steps for the parsed arguments.
        takes_input: Whether the job reads raw events (`--input`).
    """
    arguments = _parser(description, takes_input=takes_input).parse_args()
    try:
        input_path = getattr(arguments, "input", "")
        check_location(input_path)
        settings, wait = load_settings(arguments.profile, arguments.config), timedelta(seconds=arguments.wait)
        with open_lake(settings, arguments.lake, app_name=f"abtest {name}", input_path=input_path, wait=wait) as lake:
            progress = progress_for(sys.stderr)
            run_steps(lake, settings, steps(arguments), full_refresh=arguments.full_refresh, progress=progress)
    except AbtestError as error:
        say_error(error)
        sys.exit(error.exit_code)


def _parser(description: str, *, takes_input: bool) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    if takes_input:
        parser.add_argument("--input", required=True, help="a file, a folder or a glob of CSV, JSON lines or Parquet")
    parser.add_argument("--lake", required=True, help="a directory or s3a://bucket/prefix")
    parser.add_argument("--profile", default="local", help=f"settings to start from: {', '.join(profiles())}")
    parser.add_argument("--config", type=Path, help="a YAML file whose settings override the profile's")
    parser.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="wait for another pipeline to end")
    parser.add_argument("--full-refresh", action="store_true", help="rebuild the tables instead of extending them")
    return parser
