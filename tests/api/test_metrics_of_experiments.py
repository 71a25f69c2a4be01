"""Metrics of a catalogue: the scorecard of an experiment, its segments, and releases that have none of them."""

from collections.abc import Iterator
from typing import Any

import pytest
from lakes import RANKING
from metric_lakes import REVENUE, SEARCHES, build_metric_lake, build_older_lake
from serving import TestClient, parse, served

from abtest_lib import answers
from abtest_lib.contracts.enums import Direction, MetricType
from abtest_lib.metrics import Catalogue, Measure, Metric

PATH = "/experiment/search|ranking"
ROUTES = ("", "/result", "/result?day=2021-08-01", "/history", "/history?window=day", "/posterior", "/funnel")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    lake = build_metric_lake(tmp_path_factory.mktemp("lake"))
    with served(lake, tmp_path_factory.mktemp("cache")) as opened:
        yield opened


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    lake = build_older_lake(tmp_path_factory.mktemp("lake"))
    with served(lake, tmp_path_factory.mktemp("cache")) as opened:
        yield opened


def get(client: TestClient, shape: type, path: str, **params: object) -> Any:
    answer = client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return parse(shape, answer)


def without(answer: Any, *keys: str) -> Any:
    """The answer without some keys, at any depth, and without the age of the data."""
    if isinstance(answer, list):
        return [without(item, *keys) for item in answer]
    if isinstance(answer, dict):
        left_out = {*keys, "release"}
        return {key: without(value, *keys) for key, value in answer.items() if key not in left_out}
    return answer


def test_a_result_has_its_metrics_by_role(measured: TestClient) -> None:
    found = get(measured, answers.ResultAnswer, f"{PATH}/result").results
    assert [item.metric for item in found.goals] == ["purchase", REVENUE]
    assert [(item.metric, item.margin) for item in found.guardrails] == [(SEARCHES, 0.18)]
    assert found.observed == []
    revenue = found.goals[1]
    assert (revenue.segment, revenue.control_value, revenue.control_users) == ("all", 10.0, 188)
    (arm,) = revenue.arms
    assert (arm.id, arm.status, arm.users, arm.value, arm.difference) == (4916, "better", 202, 12.5, 2.25)
    assert arm.difference_interval == {"lower": 0.75, "upper": 3.75}
    assert (arm.observed_lift, arm.observed_lift_interval) == (0.225, {"lower": 0.07, "upper": 0.4})
    assert arm.decision_interval == {"lower": 0.5, "upper": 4.0}
    assert (arm.unadjusted_difference, arm.unadjusted_interval) == (2.5, {"lower": 0.4, "upper": 4.6})
    assert (arm.variance_reduction, arm.capped_users, arm.mature_users) == (0.49, 3, None)
    assert (arm.probability_best, arm.probability_beats_control, arm.expected_loss) == (0.97, 0.985, 0.02)


def test_purchases_stand_in_the_scorecard_with_the_counts_of_the_arms(measured: TestClient) -> None:
    (arm,) = get(measured, answers.ResultAnswer, f"{PATH}/result").results.goals[0].arms
    assert (arm.users, arm.value, arm.status, arm.difference) == (202, 14 / 202, "unproven", 0.01)
    assert (arm.probability_best, arm.probability_beats_control) == (0.6, 0.6)


def test_the_detail_has_the_scorecard_of_the_last_day(measured: TestClient) -> None:
    detail = get(measured, answers.Experiment, PATH)
    result = get(measured, answers.ResultAnswer, f"{PATH}/result").results
    for role in answers.Scorecard.__annotations__:
        assert detail[role] == result[role]


def test_a_verdict_names_the_metric_on_which_it_rests(measured: TestClient) -> None:
    points = get(measured, answers.History, f"{PATH}/history").points
    assert [(point.verdict.metric, point.verdict.decision) for point in points] == [
        ("purchase", "inconclusive"),
        (REVENUE, "ship"),
    ]
    (line,) = get(measured, answers.ExperimentList, "/experiments", search="rank").experiments
    assert (line.metric, line.decision, line.decision_before) == (REVENUE, "ship", "inconclusive")


def test_an_experiment_without_comparisons_has_an_empty_scorecard(measured: TestClient) -> None:
    found = get(measured, answers.ResultAnswer, "/experiment/lonely/result").results
    assert (found.goals, found.guardrails, found.observed) == ([], [], [])


@pytest.mark.parametrize("route", ROUTES)
def test_other_metrics_change_nothing_that_was_answered_before(
    measured: TestClient, client: TestClient, route: str
) -> None:
    new = ("goals", "guardrails", "observed", "metric")
    with_metrics, plain = (one.get(PATH + route) for one in (measured, client))
    assert with_metrics.status_code == plain.status_code == 200
    assert without(with_metrics.json(), *new) == without(plain.json(), *new)
    assert len(without(plain.json(), *new)) > 0


@pytest.mark.parametrize("route", [*ROUTES, "/metrics"])
def test_an_older_release_is_served_like_a_newer_one(older: TestClient, client: TestClient, route: str) -> None:
    before, now = (one.get(PATH + route) for one in (older, client))
    assert before.status_code == now.status_code == 200
    assert without(before.json(), "status") == without(now.json(), "status")


def test_an_older_release_has_no_problem_and_no_status(older: TestClient) -> None:
    assert get(older, answers.Ready, "/health/ready").problems == []
    (goal,) = get(older, answers.ResultAnswer, f"{PATH}/result").results.goals
    assert (goal.metric, goal.segment, goal.role, goal.arms[0].status) == ("purchase", "all", "goal", None)
    assert get(older, answers.Experiment, PATH).verdict.metric == "purchase"


def results(client: TestClient, **params: object) -> list[tuple[str, str]]:
    found = get(client, answers.MetricResults, f"{PATH}/metrics", **params)
    assert (found.name, str(found.day)) == (RANKING, "2021-08-02")
    return [(item.metric, item.segment) for item in found.metrics]


def test_metrics_and_segments_can_be_chosen(measured: TestClient) -> None:
    sites = ["site=MLA", "site=MLB"]
    assert results(measured, segment="all") == [("purchase", "all"), (REVENUE, "all"), (SEARCHES, "all")]
    assert results(measured, metric=REVENUE) == [(REVENUE, segment) for segment in ("all", *sites)]
    assert results(measured, metric=REVENUE, segment="site") == [(REVENUE, site) for site in sites]
    assert results(measured, metric="purchase", segment="site=MLB") == [("purchase", "site=MLB")]
    assert len(results(measured)) == 9


def test_a_segment_has_its_numbers(measured: TestClient) -> None:
    found = get(measured, answers.MetricResults, f"{PATH}/metrics", metric=REVENUE, segment="site=MLB")
    ((arm,),) = (item.arms for item in found.metrics)
    assert (arm.users, arm.value, arm.interaction_p_value, arm.probability_best) == (82, 12.5, 0.04, None)


def test_a_history_follows_a_metric_when_asked(measured: TestClient) -> None:
    def values(**params: object) -> list[float | None]:
        points = get(measured, answers.History, f"{PATH}/history", metric=REVENUE, **params).points
        return [None if point.metric is None else point.metric.arms[0].users for point in points]

    assert values() == [None, 202]
    assert values(segment="site=MLB", window="day") == [None, 82]
    assert values(segment="site=no") == [None, None]
    purchases = get(measured, answers.History, f"{PATH}/history", metric="purchase").points
    assert [point.metric.arms[0].value for point in purchases] == [6 / 110, 14 / 202]
    assert not any("metric" in point for point in measured.get(f"{PATH}/history").json()["points"])
    assert measured.get(f"{PATH}/history", params={"metric": "no"}).status_code == 404


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"metric": "revenue"}, f"metric 'revenue': there are no results of it: did you mean {REVENUE}?"),
        ({"segment": "site=MLC"}, "segment 'site=MLC': there are no results of it: did you mean site=MLB, site=MLA, "),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(
    measured: TestClient, params: dict[str, str], message: str
) -> None:
    answer = measured.get(f"{PATH}/metrics", params=params)
    assert answer.status_code == 404
    assert answer.json()["detail"].startswith(message)


def test_unknown_experiments_and_days_have_no_metrics(measured: TestClient) -> None:
    assert measured.get("/experiment/no/metrics").status_code == 404
    assert measured.get(f"{PATH}/metrics", params={"day": "2020-01-01"}).status_code == 404


def test_the_catalogue_lists_what_the_release_has(measured: TestClient, older: TestClient) -> None:
    found = get(measured, answers.MetricList, "/catalogue").metrics
    assert [(item.name, item.in_release) for item in found] == [("purchase", True), (REVENUE, True), (SEARCHES, True)]
    assert (found[0].type, found[0].direction, found[0].description) == (
        "conversion",
        "up",
        "Users with at least one BUY",
    )
    assert (found[1].type, found[1].unit) == (None, None)
    assert [item.name for item in get(older, answers.MetricList, "/catalogue").metrics] == ["purchase"]


def test_units_and_directions_come_from_the_catalogue(measured: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    searches = Metric(SEARCHES, MetricType.RATIO, Measure("true"), Measure("true"), Direction.DOWN, unit="searches")
    monkeypatch.setattr(measured.app.state.service, "catalogue", Catalogue({SEARCHES: searches}))  # type: ignore[attr-defined]
    (guardrail,) = get(measured, answers.ResultAnswer, f"{PATH}/result").results.guardrails
    assert (guardrail.type, guardrail.direction, guardrail.unit) == ("ratio", "down", "searches")


def test_the_table_of_metrics_is_listed_where_it_exists(measured: TestClient, client: TestClient) -> None:
    def listed(one: TestClient) -> set[str]:
        return {f"{row.layer}/{row.table}" for row in get(one, answers.TableList, "/tables").tables}

    assert listed(measured) - listed(client) == {"gold/metric_to_date"}
    assert get(measured, answers.Table, "/tables/gold/metric_to_date").rows == 18
    assert "not part of the release" in get(client, answers.Table, "/tables/gold/metric_to_date").problem
