"""Every page: it opens without an error, shows the numbers of the API, and is accessible."""

import csv
import io
import re
from typing import Any
from urllib.parse import quote

import pytest
from lakes import LONELY, RANKING, USER_IDS, WEIRD
from looking import PHONE, Looker, cells, download, metrics, text, violations
from metric_lakes import REVENUE, SEARCHES
from sites import Site
from world import HOSTILE

from dashboard import columns, formatting, labels
from dashboard.metric_formatting import metric_value
from dashboard.scorecard import lift_of

EXPERIMENT_PAGE = f"experiment?name={quote(RANKING, safe='')}"
PAGES = {
    "": labels.OVERVIEW,
    EXPERIMENT_PAGE: labels.EXPERIMENT,
    "pipeline": labels.PIPELINE,
    "plan": labels.PLAN,
    "calculator": labels.CALCULATOR,
    "try": labels.TRY,
    "reference": labels.REFERENCE,
}
FOCUSED = "() => document.activeElement.innerText || document.activeElement.ariaLabel || ''"
SCIENTIFIC = re.compile(r"\b\d(\.\d+)?[eE][+-]?\d+\b")


def rows_of(written: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(written)))


@pytest.mark.parametrize(("path", "title"), PAGES.items(), ids=list(PAGES.values()))
def test_every_page_opens_and_is_accessible(look: Looker, path: str, title: str) -> None:
    page = look.open(path)
    assert page.locator("h1").inner_text() == title
    assert page.locator("[data-testid=stException], [data-testid=stAlert]").count() == 0
    assert look.problems == []
    assert violations(page) == []
    assert not SCIENTIFIC.search(page.inner_text("body"))
    for chart in page.locator(".js-plotly-plot:not(:has(.sankey))").all():
        titles = chart.locator(".g-xtitle text, .g-ytitle text").all_text_contents()
        assert len([one for one in titles if one.strip()]) == 2


@pytest.mark.parametrize(("path", "title"), PAGES.items(), ids=list(PAGES.values()))
def test_every_page_fits_a_phone_in_the_dark(look: Looker, path: str, title: str) -> None:
    page = look.open(path, width=PHONE, scheme="dark")
    assert page.locator("h1").inner_text() == title
    wider = page.evaluate(
        """() => [...document.querySelectorAll('[data-testid=stMain] *')].filter(node =>
            node.getBoundingClientRect().right > innerWidth + 1 &&
            !node.closest('.ab-scroll, .js-plotly-plot, pre, [data-testid=stTabs], [data-baseweb]') &&
            getComputedStyle(node).position !== 'absolute').map(node => node.outerHTML.slice(0, 120))"""
    )
    assert wider == []
    assert page.locator("[data-testid=stAlert]").count() == 0
    assert violations(page) == []
    assert look.problems == []


def test_overview_shows_the_numbers_of_the_api(look: Looker, site: Site) -> None:
    shown = cells(look.open("?sort=name"), columns.OVERVIEW["decision"])
    answered = site.api.experiments(sort="name", limit=25)["experiments"]
    assert len(shown) == 25
    for row, line in zip(shown, answered, strict=True):
        assert row[columns.OVERVIEW["name"]] == " ".join(line["name"].split())
        assert row[columns.OVERVIEW["decision"]].startswith(formatting.decision_name(line["decision"]))
        assert row[columns.OVERVIEW["people"]] == formatting.count(line["participants"])
        assert row[columns.OVERVIEW["last"]] == line["last_day"]


def test_overview_draws_the_lift_of_valid_experiments(look: Looker, site: Site) -> None:
    (row,) = cells(look.open("?search=ranking"), columns.OVERVIEW["decision"])
    (line,) = site.api.experiments(search="ranking")["experiments"]
    assert row[columns.OVERVIEW["lift"]] == formatting.lift(line["lift"]) == "+25.0\u00a0% (-10.0\u00a0…\u00a0+70.0)"
    assert labels.WAS.format(decision="Inconclusive") in row[columns.OVERVIEW["decision"]]


def test_overview_filters_by_clicks_and_remembers_them_in_the_address(look: Looker) -> None:
    page = look.open()
    page.get_by_role("radio", name=re.compile("^Ship 1")).or_(page.get_by_text(re.compile("^Ship 1"))).first.click()
    look.wait(page)
    assert [row[columns.OVERVIEW["name"]] for row in cells(page, columns.OVERVIEW["decision"])] == [RANKING]
    assert "show=ship" in page.url
    again = look.open(page.url.rsplit("/", 1)[1])
    assert [row[columns.OVERVIEW["name"]] for row in cells(again, columns.OVERVIEW["decision"])] == [RANKING]


def test_overview_search_and_pages(look: Looker, site: Site) -> None:
    page = look.open("?sort=name")
    page.get_by_role("button", name=labels.NEXT).click()
    look.wait(page)
    second = [row[columns.OVERVIEW["name"]] for row in cells(page, columns.OVERVIEW["decision"])]
    everything = [line["name"] for line in site.api.experiments(sort="name", limit=500)["experiments"]]
    assert second == everything[25:]
    assert len(second) > 0
    page.get_by_label(labels.SEARCH).fill("batch/1")
    page.get_by_label(labels.SEARCH).press("Enter")
    look.wait(page)
    found = [row[columns.OVERVIEW["name"]] for row in cells(page, columns.OVERVIEW["decision"])]
    assert found == [f"batch/1{digit}" for digit in range(10)]


def test_overview_download_holds_the_numbers_of_the_api(look: Looker, site: Site) -> None:
    saved = rows_of(download(look.open("?search=ranking")))
    (line,) = site.api.experiments(search="ranking")["experiments"]
    assert [row["name"] for row in saved] == [RANKING]
    assert float(saved[0]["lift.median"]) == line["lift"]["median"]
    assert int(saved[0]["participants"]) == line["participants"]


def test_overview_says_what_changed(look: Looker) -> None:
    page = look.open()
    items = page.locator("li").all_inner_texts()
    assert items == [f"{RANKING}: Inconclusive → Ship (2021-08-02)"]


def test_a_search_without_result_says_so(look: Looker) -> None:
    page = look.open("?search=no-such-thing")
    assert labels.NO_MATCH_TITLE in text(page)


def test_experiment_shows_the_numbers_of_the_api(look: Looker, site: Site) -> None:
    page = look.open(f"experiment?name={quote(RANKING, safe='')}")
    now = site.api.history(RANKING)["points"][-1]
    tiles = metrics(page)
    assert tiles[labels.PEOPLE_TO_DATE] == formatting.count(now["participants_to_date"]) == "390"
    assert tiles[labels.PEOPLE_DAY] == "184"
    shown = cells(page, columns.ARMS["best"])
    assert [row["Arm"] for row in shown] == ["4915", "4916"]
    for row, arm in zip(shown, now["variants"], strict=True):
        assert row[columns.ARMS["users"]] == formatting.count(arm["users"])
        assert row[columns.ARMS["rate"]] == formatting.percent(arm["conversion_rate"])
        assert row[columns.ARMS["interval"]] == formatting.percent_interval(arm["interval"])
        assert row[columns.ARMS["best"]] == formatting.probability(arm["probability_best"])
        assert row[columns.ARMS["loss"]] == formatting.percentage_points(arm["expected_loss"])
    (difference,) = cells(page, columns.DIFFERENCES["boundary"])
    assert (difference["z"], difference[columns.DIFFERENCES["boundary"]]) == ("0.60", "2.90")
    assert now["verdict"]["explanation"] in text(page)
    assert "χ² = 0.36, 1 degree of freedom, p\u00a0=\u00a00.5500" in text(page)


def test_experiment_of_an_earlier_day_knows_nothing_later(look: Looker) -> None:
    page = look.open(f"experiment?name={quote(RANKING, safe='')}&day=2021-08-01")
    assert metrics(page)[labels.PEOPLE_TO_DATE] == "212"
    assert [row[columns.ARMS["users"]] for row in cells(page, columns.ARMS["best"])] == ["100", "110", "–"]
    drawn = page.evaluate(
        "() => [...document.querySelectorAll('.js-plotly-plot')].flatMap(plot => plot.data.flatMap(one => one.x || []))"
    )
    days = {value[:10] for value in drawn if isinstance(value, str) and value.startswith("2021-")}
    assert days == {"2021-08-01"}


def test_experiment_of_the_day_alone(look: Looker, site: Site) -> None:
    page = look.open(f"experiment?name={quote(RANKING, safe='')}&window=day")
    today = {str(arm["id"]): arm for arm in site.api.result(RANKING)["variants"]}
    shown = cells(page, columns.ARMS["best"])
    assert {row["Arm"] for row in shown} == set(today) == {"4915", "4916"}
    for row in shown:
        assert row[columns.ARMS["users"]] == formatting.count(today[row["Arm"]]["users"])


def test_figures_draw_the_numbers_of_the_api(look: Looker, site: Site) -> None:
    page = look.open(f"experiment?name={quote(RANKING, safe='')}")
    believed = site.api.posterior(RANKING)["variants"]
    plots: list[Any] = page.evaluate(
        """() => [...document.querySelectorAll('.js-plotly-plot')].map(plot =>
            plot.data.map(one => ({type: one.type, x: Array.from(one.x || []), y: Array.from(one.y || [])})))"""
    )
    assert len(plots) >= 7
    rates = [arm["conversion_rate"] * 100 for arm in believed]
    assert plots[0][0]["x"] == pytest.approx(rates)
    assert plots[1][0]["x"] == pytest.approx([100 * value for value in believed[0]["density"]["conversion"]])


def test_an_experiment_with_one_arm_is_not_valid_and_says_why(look: Looker) -> None:
    page = look.open(f"experiment?name={LONELY}")
    shown = text(page)
    assert labels.INVALID_TITLE in shown
    assert "Fewer than two arms have users, so there is nothing to compare." in shown
    assert look.problems == []
    (row,) = cells(look.open(f"?search={LONELY}"), columns.OVERVIEW["decision"])
    assert row[columns.OVERVIEW["decision"]].startswith("Not valid")
    assert row[columns.OVERVIEW["lift"]] == labels.DASH


@pytest.mark.parametrize("name", [WEIRD, HOSTILE])
def test_names_are_text(look: Looker, name: str) -> None:
    page = look.open(f"experiment?name={quote(name, safe='')}")
    assert page.title() != "gone"
    assert look.problems == []
    listed = look.open(f"?search={quote(name, safe='')}")
    assert [row[columns.OVERVIEW["name"]] for row in cells(listed, columns.OVERVIEW["decision"])] == [name]
    assert listed.locator("img[src=x]").count() == 0
    listed.get_by_role("link", name=name).first.click()
    look.wait(listed)
    assert f"{name} is" in text(listed)


def test_an_unknown_experiment_and_an_unknown_day(look: Looker) -> None:
    assert labels.NO_DATA_TITLE in text(look.open("experiment?name=nobody"))
    page = look.open(f"experiment?name={quote(RANKING, safe='')}&day=2020-01-01")
    assert "2021-08-01" in text(page)
    assert labels.NO_DATA_TITLE in text(page)
    assert look.problems == []


def test_pipeline_shows_the_numbers_of_the_api(look: Looker, site: Site) -> None:
    page = look.open("pipeline")
    shown = {row[columns.TABLES["table"]]: row for row in cells(page, columns.TABLES["rows"])}
    tables = site.api.tables()
    assert len(shown) == len(tables) == 16
    for table in tables:
        assert shown[f"{table['layer']}/{table['table']}"][columns.TABLES["rows"]] == formatting.count(table["rows"])
    assert metrics(page)[labels.REJECTED] == formatting.count(site.api.quality()["quarantine"]["rows"]) == "2"
    assert labels.FLOW_NOTE.format(read=4, new=2, duplicates=0, rejected=2, forgotten="") in text(page)
    assert not any(user in page.content() for user in USER_IDS)
    runs = cells(page, columns.RUNS["job"])
    assert [row[columns.RUNS["job"]] for row in runs] == [run["job"] for run in site.api.quality()["runs"]]


def test_plan_shows_the_numbers_of_the_api(look: Looker, site: Site) -> None:
    page = look.open("plan?baseline=4.0&lift=20.0&rule=planned&per_day=1000")
    wanted = site.api.plan(baseline=0.04, lift=0.2, rule="planned", users_per_day=1000)
    tiles = metrics(page)
    assert tiles[labels.PER_ARM] == formatting.count(wanted["users_per_arm"])
    assert tiles[labels.DURATION] == formatting.count(wanted["days"])
    page.get_by_role("spinbutton", name=labels.BASELINE).fill("8")
    page.get_by_role("spinbutton", name=labels.BASELINE).press("Enter")
    look.wait(page)
    wanted = site.api.plan(baseline=0.08, lift=0.2, rule="planned")
    assert metrics(page)[labels.PER_ARM] == formatting.count(wanted["users_per_arm"])
    saved = rows_of(download(page))
    assert len(saved) == 24
    assert "baseline=8" in page.url


def test_an_impossible_plan_is_explained(look: Looker) -> None:
    page = look.open("plan?baseline=99.0&lift=900.0")
    assert labels.IMPOSSIBLE_TITLE in text(page)
    assert look.problems == []


def test_the_calculator_shows_the_numbers_of_the_api(look: Looker, site: Site) -> None:
    page = look.open("calculator?arms=3&buyers_2=90&people_3=1100&split=0.32,0.32,0.36")
    wanted = site.api.analyze(counts="A=50/1000,B=90/1000,C=70/1100", control="A", split="0.32,0.32,0.36")
    assert [wanted[rule]["decision"] for rule in ("planned", "unplanned")] == ["ship", "inconclusive"]
    shown = text(page)
    for rule in (wanted["planned"], wanted["unplanned"]):
        assert formatting.sentence(rule["explanation"]) in shown
    for row, arm in zip(cells(page, columns.ARMS["beats"]), wanted["arms"], strict=True):
        assert row[columns.ARMS["rate"]] == formatting.percent(arm["conversion_rate"])
        assert row[columns.ARMS["best"]] == formatting.probability(arm["probability_best"])
    second, third = cells(page, columns.COMPARISONS["planned"])
    assert second[columns.COMPARISONS["planned"]] == third[columns.COMPARISONS["planned"]] == "2.24"
    assert second[columns.COMPARISONS["difference"]] == "+4.00\u00a0pp"
    assert metrics(page)[labels.SRM_P] == formatting.p_value(wanted["sample_ratio"]["p_value"])
    page.get_by_role("spinbutton", name=labels.CALCULATOR_BUYERS.format(arm="B")).fill("50")
    page.get_by_role("spinbutton", name=labels.CALCULATOR_BUYERS.format(arm="B")).press("Enter")
    look.wait(page)
    assert cells(page, columns.COMPARISONS["planned"])[0][columns.COMPARISONS["difference"]] == "+0.00\u00a0pp"
    assert "buyers_2=50" in page.url
    assert [row["id"] for row in rows_of(download(page))] == ["A", "B", "C"]
    assert look.problems == []


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("buyers_2=1001", "arm 'B' has 1001 conversions by 1000 users"),
        ("arm_2=A", "arm 'A' occurs twice in counts"),
        ("split=0.5,0.6", "split: the shares sum to 1.1: they must sum to 1"),
    ],
)
def test_impossible_counts_are_explained(look: Looker, query: str, message: str) -> None:
    shown = text(look.open(f"calculator?{query}"))
    assert labels.IMPOSSIBLE_COUNTS_TITLE in shown
    assert message in shown
    assert look.problems == []


def test_try_the_api_shows_request_and_answer(look: Looker, site: Site) -> None:
    page = look.open(f"try?name={quote(RANKING, safe='')}&on=2021-08-01")
    assert metrics(page)[labels.STATUS] == "200"
    shown = text(page)
    assert "/experiment/search%2Franking/result?day=2021-08-01" in shown
    assert f'"number_of_participants": {site.api.result(RANKING, "2021-08-01")["number_of_participants"]}' in shown


def test_try_the_api_shows_the_404(look: Looker) -> None:
    page = look.open("try?other=nobody")
    assert metrics(page)[labels.STATUS] == "404"
    assert "No data found for experiment 'nobody'" in text(page)
    assert look.problems == []


def test_the_reference_knows_every_route(look: Looker, site: Site) -> None:
    document = site.api.openapi()
    page = look.open(f"reference?path={quote('GET /experiments', safe='')}")
    described = document["paths"]["/experiments"]["get"]
    assert described["summary"] in text(page)
    shown = [row[columns.PARAMETERS["name"]] for row in cells(page, columns.PARAMETERS["where"])]
    assert shown == [one["name"] for one in described["parameters"]]
    assert page.locator("[data-testid=stSelectbox]").count() == 1
    for path in list(document["paths"])[:3]:
        other = look.open(f"reference?path={quote(f'GET {path}', safe='')}")
        assert f"GET {path}" in text(other)
        assert other.locator("[data-testid=stException]").count() == 0
    assert look.problems == []


def test_everything_can_be_reached_by_keyboard(look: Looker) -> None:
    page = look.open("?search=ranking")
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("() => document.activeElement.innerText || document.activeElement.ariaLabel || ''")
        )
    seen = "\n".join(reached)
    assert labels.PIPELINE in seen
    assert labels.CSV in seen
    assert RANKING in seen
    page.locator("table a").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/experiment?name=*")


def test_the_scorecard_has_the_numbers_of_the_api(look: Looker, site: Site) -> None:
    shown = cells(look.open(EXPERIMENT_PAGE), columns.SCORECARD["decision"])
    metrics_of_all = site.api.experiment(RANKING)
    expected = [*metrics_of_all["goals"], *metrics_of_all["guardrails"]]
    assert [row[columns.SCORECARD["metric"]].splitlines() for row in shown] == [
        ["purchase", "goal"],
        [REVENUE, "goal"],
        [SEARCHES, "guardrail"],
    ]
    for row, metric in zip(shown, expected, strict=True):
        (arm,) = metric["arms"]
        assert row[columns.SCORECARD["value"]] == metric_value(arm["value"], metric)
        assert row[columns.SCORECARD["control"]] == metric_value(metric["control_value"], metric)
        assert row[columns.SCORECARD["lift"]] == formatting.lift(lift_of(arm))
        assert labels.STATUSES[arm["status"]] in row[columns.SCORECARD["status"]]
    assert "✓ proven better" in shown[1][columns.SCORECARD["status"]]
    assert "without it +2.50" in shown[1][columns.SCORECARD["status"]]
    assert "margin 0.180" in shown[2][columns.SCORECARD["status"]]


def test_segments_describe_one_metric_and_the_address_remembers_it(look: Looker) -> None:
    page = look.open(f"{EXPERIMENT_PAGE}&metric={REVENUE}")
    assert labels.SEGMENTS_NOTE in text(page)
    shown = cells(page, columns.SEGMENTS["segment"])
    assert [row[columns.SEGMENTS["segment"]] for row in shown] == ["site=MLA", "site=MLB"]
    assert [row[columns.SEGMENTS["users"]] for row in shown] == ["120", "82"]
    assert [row[columns.SEGMENTS["value"]] for row in shown] == ["12.50", "12.50"]
    assert labels.INTERACTION.format(arm="4916", column="site", p="p\u00a0=\u00a00.0400") in text(page)


def test_the_metrics_can_be_downloaded_with_their_segments(look: Looker) -> None:
    saved = rows_of(download(look.open(EXPERIMENT_PAGE)))
    assert len(saved) == 9
    assert [row["metric"] for row in saved if row["segment"] == "all"] == ["purchase", REVENUE, SEARCHES]


def test_conversion_alone_has_no_scorecard(look: Looker) -> None:
    page = look.open(f"experiment?name={quote('batch/00', safe='')}")
    assert labels.SCORECARD_TITLE not in text(page)
    assert labels.SEGMENTS_TITLE not in text(page)
