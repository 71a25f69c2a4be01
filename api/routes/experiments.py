"""Routes about experiments: result, list, detail, history, funnel, posterior."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.responses import Response

from abtest_lib import answers
from abtest_lib.contracts.enums import Window
from abtest_lib.errors import UsageError
from abtest_lib.metrics import Catalogue
from abtest_lib.registry import Experiment as Declared
from api import examples
from api.http.encoding import encode_with_points
from api.http.errors import no_data
from api.http.fast_result import Found, find, result_reply
from api.http.responses import Day, FirstDay, LastDay, PathText, documented, no_data_doc, reply, service_of
from api.routes import arms, scorecards, serializers
from api.routes.density import posterior_variant
from api.routes.listing import ListQuery, list_experiments
from api.routes.verdicts import verdict
from api.store.day_file import ExperimentDay
from api.store.metric_section import EVERYBODY
from api.store.snapshot import Snapshot


class TextConvertor(PathConvertor):
    """Like `path`, but it also matches line breaks: a name may contain anything."""

    regex = r"[\s\S]*"


register_url_convertor("text", TextConvertor())
router = APIRouter(tags=["experiments"])
Name = Annotated[PathText, Path(description="the experiment; write `|` or `%2F` for `/`", examples=["search|ranking"])]
Days = Iterator[tuple[date, ExperimentDay]]
InWindow = Annotated[answers.Window, Query(description="counts and estimates of the day alone, or to date")]


def _nothing(written: str, day: date | None) -> Response:
    on_day = "" if day is None else f" on day '{day}'"
    return no_data(f"No data found for experiment '{written}'{on_day}")


async def _find(request: Request, written: str, day: date | None) -> Found | None:
    return await find(service_of(request), written, day)


@router.get(
    "/experiment/{experiment_name:text}/result",
    summary="The result of one experiment on one day",
    responses=documented(answers.ResultAnswer, examples.RESULT, s404=no_data_doc()),
)
async def result(request: Request, experiment_name: Name, day: Day = None) -> Response:
    """Users and purchases are those of the day; decision, reasons and explanation are to date."""
    found = await _find(request, experiment_name, day)
    if found is None:
        return _nothing(experiment_name, day)
    return result_reply(request, experiment_name, found)


@router.get(
    "/experiments",
    summary="Every experiment, page by page",
    responses=documented(answers.ExperimentList, examples.EXPERIMENTS),
)
async def experiments(request: Request, query: Annotated[ListQuery, Query()]) -> Response:
    """Each line has the verdict of the experiment's last day."""
    snapshot = await service_of(request).complete()
    return reply(request, snapshot, await run_in_threadpool(list_experiments, snapshot, query))


@router.get(
    "/experiment/{experiment_name:text}/history",
    summary="One experiment over all its days, to date or day by day",
    responses=documented(answers.History, examples.HISTORY, s404=no_data_doc()),
)
async def history(
    request: Request,
    experiment_name: Name,
    first_day: FirstDay = None,
    last_day: LastDay = None,
    window: InWindow = Window.TO_DATE.value,
    metric: Annotated[str | None, Query(description="add this metric to each point", examples=["purchase"])] = None,
    segment: Annotated[str, Query(description="`all`, or a value such as `site=MLA`, for `metric`")] = EVERYBODY,
) -> Response:
    """One point per day with data, oldest first, with that day's verdict and boundary."""
    first, last = first_day or date.min, last_day or date.max
    if first > last:
        raise UsageError(f"first_day '{first}' is after last_day '{last}': the span must not end before it begins")
    snapshot = await service_of(request).complete()
    name = snapshot.directory.resolve(experiment_name)
    if name is None:
        return _nothing(experiment_name, last_day)
    scorecards.require("metric", metric, snapshot.metrics)
    days, covered = snapshot.series(name, first, last), Window(window)
    points = (
        (serializers.history_point(day, found, covered) for day, found in days)
        if metric is None
        else _points_with(metric, segment, snapshot, name, days, covered, service_of(request).catalogue)
    )
    about = {"name": name, "window": window, "release": snapshot.release()}
    return reply(request, snapshot, await run_in_threadpool(encode_with_points, about, points))


def _points_with(
    metric: str, segment: str, snapshot: Snapshot, name: str, days: Days, window: Window, catalogue: Catalogue
) -> Iterator[answers.HistoryPoint]:
    """Yield the points of a history, each with a metric in a segment."""
    for day, found in days:
        file = snapshot.days[day]
        segments = [] if file is None or segment == EVERYBODY else file.segments(name)
        result = scorecards.one_metric(found, segments, (metric, segment), catalogue)
        yield {**serializers.history_point(day, found, window), "metric": result}


@router.get(
    "/experiment/{experiment_name:text}/funnel",
    summary="The funnel of one experiment on one day",
    responses=documented(answers.Funnel, examples.FUNNEL, s404=no_data_doc()),
)
async def funnel(request: Request, experiment_name: Name, day: Day = None) -> Response:
    """The step with most users first."""
    found = await _find(request, experiment_name, day)
    if found is None:
        return _nothing(experiment_name, day)
    snapshot, name, that_day, content = found
    file = snapshot.days[that_day]
    rows = [] if file is None else await run_in_threadpool(file.funnel, name)
    steps = serializers.funnel(content, rows)
    answer = answers.Funnel(name=name, day=that_day.isoformat(), steps=steps, release=snapshot.release())
    return reply(request, snapshot, answer)


@router.get(
    "/experiment/{experiment_name:text}/posterior",
    summary="The posteriors of one day, with densities to plot",
    responses=documented(answers.Posterior, examples.POSTERIOR, s404=no_data_doc()),
)
async def posterior(
    request: Request,
    experiment_name: Name,
    day: Day = None,
    window: InWindow = Window.TO_DATE.value,
    points: Annotated[int, Query(ge=10, le=1_000, description="number of points of each density")] = 200,
) -> Response:
    """The density is a Beta with the posterior's mean and standard deviation."""
    found = await _find(request, experiment_name, day)
    if found is None:
        return _nothing(experiment_name, day)
    snapshot, name, that_day, content = found
    variants = await run_in_threadpool(
        lambda: [posterior_variant(content, arm, Window(window), points) for arm in range(len(content.names))]
    )
    answer = answers.Posterior(
        name=name, day=that_day.isoformat(), window=window, variants=variants, release=snapshot.release()
    )
    return reply(request, snapshot, answer)


@router.get(
    "/experiment/{experiment_name:text}/metrics",
    summary="The metrics of one experiment on one day, with its segments",
    responses=documented(answers.MetricResults, examples.METRIC_RESULTS, s404=no_data_doc()),
)
async def metrics(
    request: Request,
    experiment_name: Name,
    day: Day = None,
    metric: Annotated[str | None, Query(description="only this metric", examples=["purchase"])] = None,
    segment: Annotated[
        str | None, Query(description="`all`, a column such as `site`, or one value such as `site=MLA`")
    ] = None,
) -> Response:
    """All numbers are to date. Segments describe; they never decide."""
    found = await _find(request, experiment_name, day)
    if found is None:
        return _nothing(experiment_name, day)
    snapshot, name, that_day, content = found
    file = snapshot.days[that_day]
    segments = [] if file is None else await run_in_threadpool(file.segments, name)
    results = scorecards.all_metrics(content, segments, service_of(request).catalogue)
    answer = answers.MetricResults(
        name=name,
        day=that_day.isoformat(),
        metrics=scorecards.choose(results, metric, segment),
        release=snapshot.release(),
    )
    return reply(request, snapshot, answer)


@router.get(
    "/experiment/{experiment_name:text}",
    summary="One experiment: days, arms, verdict, declaration",
    responses=documented(answers.Experiment, examples.EXPERIMENT, s404=no_data_doc()),
)
async def experiment(request: Request, experiment_name: Name) -> Response:
    """Arms and verdict are those of the last day."""
    await service_of(request).complete()
    found = await _find(request, experiment_name, None)
    if found is None:
        return _nothing(experiment_name, None)
    snapshot, name, _, content = found
    answer = answers.Experiment(
        name=name,
        days=[day.isoformat() for day in snapshot.directory.days_of(name)],
        arms=arms.arms_to_date(content),
        verdict=verdict(content),
        registry=_declared(service_of(request).registry.get(name)),
        release=snapshot.release(),
        **scorecards.scorecard(content, service_of(request).catalogue),
    )
    return reply(request, snapshot, answer)


def _declared(entry: Declared | None) -> dict[str, Any] | None:
    """Return a declaration as in the registry's file, without the settings that it leaves open."""
    if entry is None:
        return None
    plain = {key: value for key, value in asdict(entry).items() if value is not None and key in _DECLARED}
    allocation = [
        {"from": None if split.starts is None else split.starts.isoformat(), "arms": split.shares}
        for split in entry.allocations
    ]
    dated = {key: value.isoformat() if isinstance(value, date) else value for key, value in plain.items()}
    guardrails = {one.metric: {"margin": one.margin, "is_relative": one.is_relative} for one in entry.guardrails}
    measured = {"goals": list(entry.goals), "guardrails": guardrails, "segments": list(entry.segments)}
    return dated | {"fallback_variants": list(entry.fallback_variants), "allocation": allocation} | measured


_DECLARED = ("control", "start", "end", "planned_users", "minimum_effect")
