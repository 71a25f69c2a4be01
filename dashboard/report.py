"""One experiment on one day as a single HTML file, to mail or to print: no script, nothing loaded from elsewhere."""

from collections.abc import Iterator
from datetime import UTC, datetime
from html import escape

from abtest_lib import __version__
from dashboard import markup, report_figures, rows, shapes, texts, words
from dashboard.client import ApiError, Client, Trouble

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
    """Write the report.

    Args:
        api: Where the numbers come from.
        name: The experiment.
        day: As of which day; the experiment's last one when None.

    Returns:
        HTML.

    Raises:
        ApiError: There is nothing on that day, or no answer.
    """
    detail = api.experiment(name)
    shown = day or detail["days"][-1]
    if shown not in detail["days"]:
        first, last = detail["days"][0], detail["days"][-1]
        raise ApiError(Trouble.NO_DATA, texts.NO_SUCH_DAY.format(day=shown, first=first, last=last), api.api)
    history = api.history(detail["name"], shown)
    title = escape(texts.REPORT_TITLE.format(name=detail["name"], day=shown))
    believed = api.posterior(detail["name"], shown)
    body = "".join(_parts(detail, history["points"], believed))
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{title}</title>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"{markup.STYLE}{_STYLE}</head><body><main><h1>{title}</h1>{body}</main>{_foot(detail['release'])}</body></html>\n"
    )


def _parts(detail: shapes.Experiment, points: list[shapes.Point], believed: shapes.Posterior) -> Iterator[str]:
    now = points[-1]
    arms = rows.judged(now["variants"])
    yield _verdict(now)
    yield _section(
        texts.ARMS_TITLE,
        markup.table(
            texts.ARM_COLUMNS,
            rows.arms(rows.in_order(now["variants"])),
            texts.ARMS_NOTE,
            "users purchases rate interval lift best beats loss",
        ),
    )
    yield _figure(texts.CONVERSION_TITLE, texts.LIFT_NOTE_COUNTED, report_figures.conversion(arms))
    yield _figure(texts.TREND_TITLE["to_date"], texts.TREND_NOTE["to_date"], report_figures.trend(points, arms))
    if len(arms) >= _FEWEST_ARMS:
        path = report_figures.boundary(points, arms)
        yield _figure(texts.BOUNDARY_TITLE, texts.BOUNDARY_NOTE if path else texts.BOUNDARY_NONE, path)
    by_id = {arm["id"]: arm for arm in believed["variants"]}
    dense = [by_id[arm["id"]] for arm in arms if arm["id"] in by_id]
    yield _figure(texts.POSTERIOR_TITLE, texts.POSTERIOR_NOTE, report_figures.posterior(dense))
    yield _tests(now, arms)
    checks = markup.table(texts.VALIDITY_COLUMNS, rows.checks(now["verdict"], believed["variants"]), "")
    split = markup.table(texts.SPLIT_COLUMNS, rows.split(detail, now), texts.SPLIT_TITLE, "users share declared")
    yield _section(texts.VALIDITY_TITLE, checks + split)


def _verdict(now: shapes.Point) -> str:
    verdict = now["verdict"]
    people = texts.REPORT_PEOPLE.format(
        total=words.count(now["participants_to_date"]), today=words.count(now["participants"])
    )
    if verdict is None:
        return f"<p>{escape(texts.NOT_JUDGED)}</p><p class='note'>{escape(people)}</p>"
    badge = markup.badge(verdict["decision"]).html
    reasons = "".join(f"<li>{escape(sentence)}</li>" for sentence in rows.sentences(verdict["reasons"]))
    head = f"<p>{badge} <strong>{escape(words.prose(verdict['explanation']))}</strong></p>"
    if not verdict["is_valid"]:
        head = f"<div class='stop'><p><strong>{escape(texts.INVALID_TITLE)}</strong></p>{head}</div>"
    return f"{head}<p class='note'>{escape(people)}</p><p>{escape(texts.REASONS)}</p><ul>{reasons}</ul>"


def _tests(now: shapes.Point, arms: list[shapes.HistoryArm]) -> str:
    found = ""
    compared, cells, test = rows.differences(arms), rows.chi_square(arms), now["chi_square"]
    if compared:
        right = "difference interval decision z boundary p"
        table = markup.table(texts.DIFFERENCE_COLUMNS, compared, texts.DIFFERENCE_NOTE, right)
        found += _section(texts.DIFFERENCE_TITLE, table)
    if test is not None and cells:
        right = "bought bought_expected not not_expected contribution"
        found += _section(texts.CHI_TITLE, markup.table(texts.CHI_COLUMNS, cells, rows.chi_note(test), right))
    return found


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>"


def _figure(title: str, note: str, figure: str) -> str:
    """A plot with its heading; nothing where there is neither a plot nor something to say about its absence."""
    if not figure and note != texts.BOUNDARY_NONE:
        return ""
    return _section(title, f"<p class='note'>{escape(note)}</p>{figure}")


def _foot(release: shapes.Release) -> str:
    text = texts.REPORT_FOOT.format(
        when=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        published=words.instant(release["published_at"]),
        run=release["run_id"],
        version=__version__,
    )
    return f"<footer>{escape(text)}</footer>"
