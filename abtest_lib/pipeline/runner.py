"""Run the whole pipeline, or some of its steps."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields
from datetime import UTC, datetime
from functools import partial

from abtest_lib.config import Settings
from abtest_lib.contracts import EVENTS
from abtest_lib.ingest.input_files import PACKED_RATIO
from abtest_lib.lake.lake import Lake
from abtest_lib.pipeline.aggregate_gold import AGGREGATE_GOLD
from abtest_lib.pipeline.aggregate_metrics import AGGREGATE_METRICS
from abtest_lib.pipeline.build_silver import BUILD_SILVER
from abtest_lib.pipeline.decide import DECIDE
from abtest_lib.pipeline.fit_bayes import FIT_BAYES, warm_up
from abtest_lib.pipeline.history import FAILED, FULL_REFRESH, StepReport, announce, write_history
from abtest_lib.pipeline.ingest_bronze import ingest_bronze
from abtest_lib.pipeline.release import PUBLISH_RELEASE
from abtest_lib.pipeline.run import Progress, Run, open_run
from abtest_lib.pipeline.step import Step
from abtest_lib.spark.session import fit_shuffles
from abtest_lib.spark.spark_errors import translate_spark_errors
from abtest_lib.storage import is_s3, local_folder, sizes_under


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
        input_path: The raw events; None brings the tables up to date with bronze.
        full_refresh: Rebuild everything after bronze, with these settings.
        progress: Shows the progress.

    Returns:
        One report per step.

    Raises:
        AbtestError: A step failed; the results of earlier steps are kept, and running again is safe.
    """
    steps = all_steps(input_path)
    return run_steps(lake, settings, steps, full_refresh=full_refresh, progress=progress)


def all_steps(input_path: str | None) -> list[Step]:
    """Return the steps of the pipeline in order; without an input the first is left out."""
    first = [] if input_path is None else [ingest_bronze(input_path)]
    return [*first, BUILD_SILVER, AGGREGATE_GOLD, AGGREGATE_METRICS, FIT_BAYES, DECIDE, PUBLISH_RELEASE]


def run_steps(
    lake: Lake,
    settings: Settings,
    steps: Sequence[Step],
    *,
    full_refresh: bool = False,
    progress: Progress | None = None,
) -> list[StepReport]:
    """Run some steps one after another, then write their reports to ops/runs.

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
            done = _perform_all(run, steps)
        except BaseException:
            # The cause of the failure may stop this too, and the step's error is the one to show.
            with suppress(Exception):
                remember()
            raise
        finally:
            with suppress(Exception):  # the same
                run.frames.close()
        remember()
        return done


def _perform_all(run: Run, steps: Sequence[Step]) -> list[StepReport]:
    done: list[StepReport] = []
    is_prepared = FIT_BAYES not in steps
    for step in (step for step in steps if step.is_needed(run)):
        done.append(_perform(run, step, () if done else run.notices))
        if done[-1].rows_written and not is_prepared:
            warm_up(run)
            is_prepared = True
        if done[-1].ends_run:
            break
    return done


def _perform(run: Run, step: Step, notices: tuple[str, ...]) -> StepReport:
    """Run one step, show its progress, and add its report to the history, with notices that come before its own."""
    run.progress.started(step.name)
    started_at = datetime.now(UTC)
    try:
        with translate_spark_errors(step.name):
            outcome = step.perform(run)
    except Exception:
        run.history.add(StepReport(step.name, started_at, datetime.now(UTC), status=FAILED))
        raise
    done = {item.name: getattr(outcome, item.name) for item in fields(outcome)}
    done["notices"] = (*notices, *outcome.notices)
    report = StepReport(step.name, started_at, datetime.now(UTC), **done)
    run.history.add(report)
    run.progress.finished(report)
    return report


def _bronze_bytes(lake: Lake) -> int:
    """Estimate the bytes of text that a rebuild reads; 0 where only Spark could list the files."""
    path = lake[EVENTS].path
    if local_folder(path) is None and not is_s3(path):
        return 0
    return sum(size for name, size in sizes_under(path).items() if name.endswith(".parquet")) * PACKED_RATIO
