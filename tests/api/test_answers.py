"""Every other route: shapes and numbers, checked against the rows that were written."""

from typing import Any, get_args

import pytest
from lakes import LONELY, RANKING, USER_IDS, WEIRD
from serving import TestClient, parse

from abtest_lib import answers
from api.routes.listing import Sort

TABLES = [
    "gold/lake_daily",
    "bronze/events", "quarantine/events", "silver/exposures", "silver/purchases", "silver/participants",
    "gold/experiment_daily", "gold/funnel_daily", "gold/experiment_to_date", "gold/experiment_health",
    "gold/posteriors", "gold/comparisons", "gold/verdicts", "ops/releases", "ops/runs",
]  # fmt: skip


def get(client: TestClient, shape: type, path: str, **params: object) -> Any:
    answer = client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return parse(shape, answer)


def names(client: TestClient, **params: object) -> list[str]:
    return [line.name for line in get(client, answers.ExperimentList, "/experiments", **params).experiments]


def test_list_filters_and_order(client: TestClient) -> None:
    assert names(client) == [LONELY, WEIRD, RANKING]
    assert names(client, search="RANK") == [RANKING]
    assert names(client, decision="ship") == [RANKING]
    assert names(client, is_valid="false") == [WEIRD]
    assert names(client, sort="-participants") == [RANKING, WEIRD, LONELY]
    assert names(client, sort="last_day") == [WEIRD, LONELY, RANKING]
    assert names(client, sort="-first_day") == [LONELY, WEIRD, RANKING]  # ties in order of names, both ways
    assert names(client, search="no such thing") == []


def test_list_line(client: TestClient) -> None:
    (line,) = get(client, answers.ExperimentList, "/experiments", search="rank").experiments
    assert (str(line.first_day), str(line.last_day), line.days) == ("2021-08-01", "2021-08-02", 2)
    assert (line.participants, line.decision, line.is_valid, line.winner) == (390, "ship", True, 4916)


@pytest.mark.parametrize("sort", get_args(Sort))
def test_pages_hold_every_experiment_once(client: TestClient, sort: str) -> None:
    found, cursor = [], None
    while True:
        page = client.get(
            "/experiments", params={"limit": 1, "sort": sort, **({"cursor": cursor} if cursor else {})}
        ).json()
        assert page["total"] == 3
        found += [line["name"] for line in page["experiments"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == names(client, sort=sort)
    assert len(found) == 3


@pytest.mark.parametrize(
    "cursor", ["x", "WyJuYW1lIl0=", "bnVsbA==", "WyJsYXN0X2RheSIsIiIsIiJd", "[]", "=", "WyJuYW1lIixbXSwiIl0="]
)
def test_a_foreign_cursor_is_refused(client: TestClient, cursor: str) -> None:
    assert client.get("/experiments", params={"cursor": cursor}).status_code == 422


def test_detail(client: TestClient) -> None:
    found = get(client, answers.Experiment, "/experiment/search|ranking")
    assert found.name == RANKING
    assert [str(day) for day in found.days] == ["2021-08-01", "2021-08-02"]
    assert [(arm.id, arm.role, arm.users, arm.purchases) for arm in found.arms] == [
        (4915, "control", 188, 11),
        (4916, "treatment", 202, 14),
    ]
    assert (found.verdict.decision, str(found.verdict.decided_on), found.verdict.srm_p_value) == (
        "ship",
        "2021-08-02",
        0.5,
    )
    assert found.registry is None


def test_history(client: TestClient) -> None:
    found = get(client, answers.History, "/experiment/search|ranking/history")
    assert [(str(p.day), p.verdict.decision, p.participants_to_date) for p in found.points] == [
        ("2021-08-01", "inconclusive", 212),
        ("2021-08-02", "ship", 390),
    ]
    control, treated = found.points[1].variants
    assert (control.boundary, treated.boundary, treated.statistic) == (None, 2.9, 0.6)
    assert treated.decision_interval == {"lower": -0.03, "upper": 0.05}
    assert (treated.users, treated.purchases) == (202, 14)


def test_history_between_days(client: TestClient) -> None:
    path = "/experiment/search|ranking/history"
    assert [str(p.day) for p in get(client, answers.History, path, first_day="2021-08-02").points] == ["2021-08-02"]
    assert [str(p.day) for p in get(client, answers.History, path, last_day="2021-08-01").points] == ["2021-08-01"]
    assert get(client, answers.History, path, last_day="2020-01-01").points == []


def test_a_history_that_ends_before_it_begins_is_refused(client: TestClient) -> None:
    path = "/experiment/search|ranking/history"
    answer = client.get(path, params={"first_day": "2021-08-02", "last_day": "2021-08-01"})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["detail"].startswith("first_day '2021-08-02' is after last_day '2021-08-01'")
    one_day = get(client, answers.History, path, first_day="2021-08-02", last_day="2021-08-02")
    assert [str(point.day) for point in one_day.points] == ["2021-08-02"]


def test_funnel(client: TestClient) -> None:
    found = get(client, answers.Funnel, "/experiment/search|ranking/funnel", day="2021-08-01")
    assert [step.event_name for step in found.steps] == ["SEARCH", "BUY"]
    assert [(v.id, v.users, v.purchases) for v in found.steps[0].variants] == [
        (4915, 99, 5),
        (4916, 108, 8),
        ("DEFAULT", 3, 0),
    ]
    assert get(client, answers.Funnel, "/experiment/search|ranking/funnel").steps == []


def test_posterior(client: TestClient) -> None:
    found = get(client, answers.Posterior, "/experiment/search|ranking/posterior", day="2021-08-02", points=50)
    control, treated = found.variants
    assert (control.engine, control.status, control.reason, control.r_hat) == ("exact", "ok", None, None)
    assert (treated.seed, treated.divergences, treated.probability_beats_control) == (7, 0, 0.6)
    points = treated.density
    width = points.conversion[1] - points.conversion[0]
    assert len(points.density) == 50
    assert sum(points.density) * width == pytest.approx(1, abs=0.01)
    assert sum(x * y for x, y in zip(points.conversion, points.density, strict=True)) * width == pytest.approx(
        0.05, abs=1e-3
    )


def test_posterior_of_an_experiment_without_one(client: TestClient) -> None:
    found = get(client, answers.Posterior, "/experiment/lonely/posterior", window="day")
    assert [(v.id, v.mean, v.density) for v in found.variants] == [(1, None, None)]


@pytest.mark.parametrize("name", TABLES)
def test_tables(client: TestClient, name: str) -> None:
    found = get(client, answers.Table, f"/tables/{name}", limit=1)
    assert found.problem is None
    assert found.version == 0
    assert found.rows >= 1
    assert len(found.sample) == 1
    assert {column.name for column in found.columns} == set(found.sample[0])


def test_table_counts(client: TestClient) -> None:
    rows = {f"{t.layer}/{t.table}": t.rows for t in get(client, answers.TableList, "/tables").tables}
    assert sorted(rows) == sorted(TABLES)
    assert (rows["gold/experiment_daily"], rows["bronze/events"], rows["gold/comparisons"]) == (8, 2, 2)


@pytest.mark.parametrize("name", [name for name in TABLES if name.startswith(("bronze", "silver", "quarantine"))])
def test_nobody_can_be_recognised_in_a_sample(client: TestClient, name: str) -> None:
    answer = client.get(f"/tables/{name}", params={"limit": 100})
    sample = answer.json()["sample"]
    assert sample
    assert not any(user in answer.text for user in USER_IDS)
    assert not any(folder in answer.text for folder in ("secret", "bucket"))
    assert len({row["user_id"] for row in sample}) == 2


def test_unknown_table(client: TestClient) -> None:
    answer = client.get("/tables/gold/passwords")
    assert answer.status_code == 404
    assert answer.json()["detail"] == "no table gold/passwords: see /tables"


def test_quality(client: TestClient) -> None:
    found = get(client, answers.Quality, "/quality")
    assert [run.job for run in found.runs] == ["build_silver", "ingest_bronze"]
    assert found.quarantine.rows == 2
    assert [(rule.rule, rule.rows) for rule in found.quarantine.by_rule] == [("bad_timestamp", 2), ("no_user", 1)]
    assert (str(found.freshness.last_day), found.freshness.problems) == ("2021-08-02", [])
    assert [(str(day.day), day.users) for day in found.stray_days] == [("2009-01-05", 1)]


def test_plan(client: TestClient) -> None:
    # 31,234 per arm: the textbook two-proportion formula for 5 % → 5.5 %, 80 % power, two-sided 5 %.
    found = get(client, answers.Plan, "/plan", baseline=0.05, lift=0.1, users_per_day=5_000)
    assert (found.users_per_arm, found.users_total, found.days) == (31_234, 62_468, 13)


@pytest.mark.parametrize(
    "given", [{}, {"baseline": 0, "lift": 1}, {"baseline": 0.5, "lift": 2}, {"baseline": 0.5, "lift": 0}]
)
def test_an_impossible_plan_is_refused(client: TestClient, given: dict[str, float]) -> None:
    answer = client.get("/plan", params=given)
    assert answer.status_code == 422
    assert answer.json()["detail"]


def test_health_and_version(client: TestClient) -> None:
    assert get(client, answers.Live, "/health/live").status == "alive"
    ready = get(client, answers.Ready, "/health/ready")
    assert (ready.problems, ready.lake_readable, ready.warming) == ([], True, False)
    assert ready.versions["gold/verdicts"] == 0
    assert get(client, answers.Version, "/version").contract_version == 2


def test_metrics(client: TestClient) -> None:
    client.get("/experiment/search|ranking/result?day=2021-08-01")
    text = client.get("/metrics").text
    assert 'abtest_api_requests_total{method="GET",route="/experiment/{experiment_name}/result",status="200"}' in text
    assert "abtest_api_ready 1.0" in text
    assert "abtest_api_days 2.0" in text


def test_the_list_says_what_changed_and_how_large_the_lift_is(client: TestClient) -> None:
    assert names(client, changed="true") == [RANKING]
    assert names(client, changed="false") == [LONELY, WEIRD]
    (line,) = get(client, answers.ExperimentList, "/experiments", search="rank").experiments
    assert (line.decision_before, line.decision, line.challenger) == ("inconclusive", "ship", 4916)
    assert line.lift == {"median": 0.25, "lower": -0.1, "upper": 0.7}
    (lonely,) = get(client, answers.ExperimentList, "/experiments", search=LONELY).experiments
    assert (lonely.decision_before, lonely.challenger, lonely.lift) == (None, None, None)


def test_history_day_by_day(client: TestClient) -> None:
    path = "/experiment/search|ranking/history"
    found = get(client, answers.History, path, window="day")
    assert found.window == "day"
    assert [(v.id, v.users, v.purchases) for v in found.points[1].variants] == [(4915, 90, 7), (4916, 95, 7)]
    assert {v.statistic for point in found.points for v in point.variants} == {None}
    assert found.points[0].chi_square is None


def test_chi_square_of_each_day(client: TestClient) -> None:
    found = get(client, answers.History, "/experiment/search|ranking/history")
    assert [p.chi_square for p in found.points] == [{"statistic": 0.36, "dof": 1, "p_value": 0.55}] * 2
    degrees = [p["chi_square"]["dof"] for p in client.get("/experiment/search|ranking/history").json()["points"]]
    assert [type(dof) for dof in degrees] == [int, int]


def test_plan_has_a_power_curve_when_asked(client: TestClient) -> None:
    asked = {"baseline": 0.05, "lift": 0.1}
    assert get(client, answers.Plan, "/plan", **asked).curve == []
    curve = get(client, answers.Plan, "/plan", points=4, **asked).curve
    assert [point.users_per_arm for point in curve] == [15617, 31234, 46851, 62468]
    assert round(curve[1].power, 3) == 0.8
    assert [point.power for point in curve] == sorted(point.power for point in curve)
