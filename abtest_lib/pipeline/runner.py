"""Runs the whole pipeline, or some of its steps."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from abtest_lib.config import Settings
from abtest_lib.contracts import EVENTS
from abtest_lib.lake.lake import Lake
from abtest_lib.pipeline import aggregate_gold, build_silver, decide, fit_bayes, ingest_bronze, release
from abtest_lib.pipeline.history import FULL_REFRESH, StepReport, announce, write_history
from abtest_lib.pipeline.run import Progress, Run, open_run, perform
from abtest_lib.spark.session import fit_shuffles
from abtest_lib.spark.source import PACKED_RATIO
from abtest_lib.storage import is_s3, local_folder, sizes_under

Step = Callable[[Run], Mapping[str, Any]]


def run_pipeline(
    lake: Lake,
    settings: Settings,
    input_path: str | None,
    *,
    full_refresh: bool = False,
    progress: Progress | None = None,
) -> list[StepReport]:
    """Take raw events all the way to published gold tables.

    Args:
        lake: The lake.
        settings: The settings.
        input_path: The raw events; None brings the tables up to date with what bronze holds.
        full_refresh: Rebuild everything after bronze, with these settings.
        progress: Who is told.

    Returns:
        One report per step.

    Raises:
        AbtestError: A step failed; what earlier steps did stands, and running again is safe.
    """
    steps = all_steps(input_path)
    return run_steps(lake, settings, steps, full_refresh=full_refresh, progress=progress)


def all_steps(input_path: str | None) -> dict[str, Step]:
    """The steps of the pipeline in order; without an input the first is left out."""
    steps: dict[str, Step] = {} if input_path is None else {ingest_bronze.JOB: ingesting(input_path)}
    return steps | {
        build_silver.JOB: build_silver.build_silver,
        aggregate_gold.JOB: aggregate_gold.aggregate_gold,
        fit_bayes.JOB: fit_bayes.fit_bayes,
        decide.JOB: decide.decide,
        release.JOB: release.publish_release,
    }


def run_steps(
    lake: Lake,
    settings: Settings,
    steps: Mapping[str, Step],
    *,
    full_refresh: bool = False,
    progress: Progress | None = None,
) -> list[StepReport]:
    """Run some steps one after another, and note in ops/runs what they did, last of all.

    Raises:
        AbtestError: As `run_pipeline`.
    """
    with lake.lease(settings):
        run = open_run(lake, settings, full_refresh=full_refresh, progress=progress)
        fit_shuffles(lake.session, settings, _bronze_bytes(lake) if full_refresh else 0)
        if full_refresh:
            announce(lake, settings, run.run_id, run.history, FULL_REFRESH)
        remember = partial(write_history, lake, settings, run.run_id, run.history)
        try:
            done = [perform(run, job, step) for job, step in steps.items()]
        except BaseException:
            # What stopped the step may stop this too, and the step's is the error worth telling.
            with suppress(Exception):
                remember()
            raise
        finally:
            with suppress(Exception):  # the same
                run.frames.close()
        remember()
        return done


def _bronze_bytes(lake: Lake) -> int:
    """About how many bytes of text a rebuild goes through; 0 where only Spark can tell."""
    path = lake[EVENTS].path
    if local_folder(path) is None and not is_s3(path):
        return 0
    return sum(size for name, size in sizes_under(path).items() if name.endswith(".parquet")) * PACKED_RATIO


def ingesting(input_path: str) -> Step:
    """The ingest step for one input."""
    return partial(ingest_bronze.ingest_bronze, path=input_path)
