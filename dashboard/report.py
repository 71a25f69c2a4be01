"""One experiment on one day as a single HTML file to mail or print: no script, nothing loaded from elsewhere."""

from collections.abc import Iterator
from datetime import UTC, datetime
from html import escape
from itertools import groupby
from operator import itemgetter

from abtest_lib import __version__, answers
from abtest_lib.contracts.enums import MetricRole, Window
from dashboard import columns, formatting, labels, markup, rows, scorecard
from dashboard.charts import report as report_charts
from dashboard.client import Client, require_day

_STYLE = """
<style>
body {font-family: system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1A1F26;
  background: #fff; line-height: 1.45; color-scheme: light}
h1 {overflow-wrap: anywhere; margin-bottom: .3rem} h2 {margin: 2rem 0 .3rem; font-size: 1.15rem}
svg {width: 100%; max-width: 45rem; height: auto; display: block}
.note {color: #4A4A4A; font-size: .9rem; margin: .2rem 0} .stop {border-left: .4rem solid #D55E00; padding-left: .8rem}
footer {margin-top: 2.5rem; color: #4A4A4A; font-size: .85rem; border-top: 1px solid #CCC; padding-top: .6rem}
@media print {body {max-width: none; margin: 0; padding: 0} section {break-inside: avoid}}
</style>
"""
_FEWEST_ARMS = 2


def write_report(api: Client, name: str, day: str | None = None) -> str:
    """Write the report of one experiment as of one day.

    Args:
        api: The client.
        name: The name of the experiment.
        day: The day; the experiment's last day if None.

    Returns:
        HTML.

    Raises:
        ApiError: The experiment has no data on that day, or the API gave no answer.
    """
    detail = api.experiment(name)
    shown = day or detail["days"][-1]
    require_day(detail, shown)
    history = api.history(detail["name"], shown)
    title = escape(labels.REPORT_TITLE.format(name=detail["name"], day=shown))
    posterior = api.posterior(detail["name"], shown)["variants"]
    metrics = api.metrics(detail["name"], shown)
    body = "".join(_parts(detail, history["points"], posterior, metrics))
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{title}</title>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"{markup.STYLE}{_STYLE}</head><body><main><h1>{title}</h1>{body}</main>{_foot(detail['release'])}</body></html>\n"
    )


def _parts(
    detail: answers.Experiment,
    points: list[answers.HistoryPoint],
    posterior: list[answers.PosteriorVariant],
    metrics: list[answers.MetricResult],
) -> Iterator[str]:
    point = points[-1]
    judged = rows.without_fallbacks(point["variants"])
    yield _verdict(point)
    yield from _metrics(metrics)
    arms = rows.arm_rows(rows.control_first(point["variants"]))
    yield _section(labels.ARMS_TITLE, markup.table(columns.ARMS, arms, labels.ARMS_NOTE))
    yield from _charts(points, judged, posterior)
    yield _differences(judged)
    yield _chi_square(point, judged)
    checks = markup.table(columns.VALIDITY, rows.check_rows(point["verdict"], posterior))
    split = markup.table(columns.SPLIT, rows.split_rows(detail, point), labels.SPLIT_TITLE)
    yield _section(labels.VALIDITY_TITLE, checks + split)


def _verdict(point: answers.HistoryPoint) -> str:
    verdict = point["verdict"]
    people = labels.REPORT_PEOPLE.format(
        total=formatting.count(point["participants_to_date"]), today=formatting.count(point["participants"])
    )
    if verdict is None:
        return f"<p>{escape(labels.NOT_JUDGED)}</p><p class='note'>{escape(people)}</p>"
    badge = markup.badge(verdict["decision"]).html
    reasons = "".join(f"<li>{escape(sentence)}</li>" for sentence in rows.reason_sentences(verdict["reasons"]))
    head = f"<p>{badge} <strong>{escape(formatting.sentence(verdict['explanation']))}</strong></p>"
    if not verdict["is_valid"]:
        head = f"<div class='stop'><p><strong>{escape(labels.INVALID_TITLE)}</strong></p>{head}</div>"
    return f"{head}<p class='note'>{escape(people)}</p><p>{escape(labels.REASONS)}</p><ul>{reasons}</ul>"


def _metrics(results: list[answers.MetricResult]) -> Iterator[str]:
    """Write the scorecard, and the goals by segment."""
    of_everybody = scorecard.of_everybody(results)
    if of_everybody:
        yield _section(labels.SCORECARD_TITLE, scorecard.scorecard_table(of_everybody))
    goals = [item for item in scorecard.of_segments(results) if item["role"] == MetricRole.GOAL]
    for metric, group in groupby(goals, key=itemgetter("metric")):
        note = f"<p class='note'>{escape(labels.SEGMENTS_NOTE)}</p>"
        yield _section(f"{labels.SEGMENTS_TITLE}: {metric}", note + scorecard.segments_table(list(group)))


def _charts(
    points: list[answers.HistoryPoint], arms: list[answers.HistoryVariant], posterior: list[answers.PosteriorVariant]
) -> Iterator[str]:
    yield _chart(labels.CONVERSION_TITLE, labels.CONVERSION_REPORT_NOTE, report_charts.conversion(arms))
    trend = report_charts.trend(points, arms)
    yield _chart(labels.TREND_TITLE[Window.TO_DATE], labels.TREND_NOTE[Window.TO_DATE], trend)
    if len(arms) >= _FEWEST_ARMS:
        path = report_charts.boundary(points, arms)
        yield _chart(labels.BOUNDARY_TITLE, labels.BOUNDARY_NOTE if path else labels.BOUNDARY_NONE, path)
    densities = report_charts.posterior(rows.posteriors_of(arms, posterior))
    yield _chart(labels.POSTERIOR_TITLE, labels.POSTERIOR_NOTE, densities)


def _differences(arms: list[answers.HistoryVariant]) -> str:
    compared = rows.difference_rows(arms)
    if not compared:
        return ""
    table = markup.table(columns.DIFFERENCES, compared, labels.DIFFERENCE_NOTE)
    return _section(labels.DIFFERENCE_TITLE, table)


def _chi_square(point: answers.HistoryPoint, arms: list[answers.HistoryVariant]) -> str:
    cells, test = rows.chi_square_rows(arms), point["chi_square"]
    if test is None or not cells:
        return ""
    return _section(labels.CHI_TITLE, markup.table(columns.CHI_SQUARE, cells, rows.chi_square_note(test)))


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>"


def _chart(title: str, note: str, chart: str) -> str:
    """Write a chart with its heading; nothing if there is neither a chart nor a note on its absence."""
    if not chart and note != labels.BOUNDARY_NONE:
        return ""
    return _section(title, f"<p class='note'>{escape(note)}</p>{chart}")


def _foot(release: answers.Release) -> str:
    text = labels.REPORT_FOOT.format(
        when=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        published=formatting.utc_minute(release["published_at"]),
        run=release["run_id"],
        version=__version__,
    )
    return f"<footer>{escape(text)}</footer>"
