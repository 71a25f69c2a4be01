"""`/experiment/{name}/result`, to the letter that existing clients rely on."""

from typing import Any
from urllib.parse import quote

import pytest
from lakes import LONELY, RANKING, WEIRD
from serving import TestClient, parse

from abtest_lib import answers


def result(client: TestClient, name: str, day: str | None = "2021-08-01") -> Any:
    answer = client.get(f"/experiment/{quote(name, safe='')}/result", params={"day": day} if day else {})
    assert answer.status_code == 200, answer.text
    return parse(answers.ResultAnswer, answer).results


def test_day_counts_and_decision_to_date(client: TestClient) -> None:
    found = result(client, RANKING)
    assert (found.exp_name, str(found.day), found.number_of_participants) == (RANKING, "2021-08-01", 212)
    counted = [(v.id, v.users, v.number_of_purchases, v.role) for v in found.variants]
    assert counted == [(4915, 100, 5, "control"), (4916, 110, 8, "treatment"), ("DEFAULT", 3, 0, "fallback")]
    assert (found.winner, found.decision, found.most_purchases, found.control) == (4916, "inconclusive", 4916, 4915)
    assert found.variants[1].conversion_rate == pytest.approx(8 / 110)
    assert found.variants[1].lift == {"median": 0.25, "lower": -0.1, "upper": 0.7}
    assert (found.variants[1].to_date.users, found.variants[1].to_date.purchases) == (110, 6)
    assert (found.variants[1].probability_best, found.variants[1].to_date.probability_best) == (0.8, 0.7)
    assert found.variants[2].to_date is None
    assert (found.table_version, found.release.run_id) == (0, "run-1")


def test_latest_day_is_the_experiments_own(client: TestClient) -> None:
    assert str(result(client, RANKING, None).day) == "2021-08-02"
    assert str(result(client, WEIRD, None).day) == "2021-08-01"


def test_a_draw_has_no_most_purchases(client: TestClient) -> None:
    assert result(client, RANKING, "2021-08-02").most_purchases is None
    assert result(client, LONELY, "2021-08-02").most_purchases is None


def test_without_a_verdict_everything_judged_is_null(client: TestClient) -> None:
    found = result(client, LONELY, "2021-08-02")
    judged = (found.winner, found.decision, found.is_valid, found.explanation, found.variants[0].role)
    assert judged == (None,) * 5
    assert found.reasons == []


def test_invalid_says_why(client: TestClient) -> None:
    found = result(client, WEIRD)
    assert (found.decision, found.is_valid, found.reasons) == ("invalid", False, ["srm", "arm_started_late"])


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("search|ranking", "search|ranking"),
        ("search%7Cranking", "search|ranking"),
        ("search%2Franking", "search/ranking"),
        ("search%2franking", "search/ranking"),
        ("search/ranking", "search/ranking"),
    ],
)
def test_slashes_may_be_written_in_several_ways(client: TestClient, path: str, written: str) -> None:
    answer = client.get(f"/experiment/{path}/result?day=2021-08-01")
    assert answer.status_code == 200
    assert answer.json()["results"]["exp_name"] == written


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("nothing/result?day=2021-08-01", "No data found for experiment 'nothing' on day '2021-08-01'"),
        ("lonely/result?day=2021-08-01", "No data found for experiment 'lonely' on day '2021-08-01'"),
        ("search|ranking/result?day=1999-01-01", "No data found for experiment 'search|ranking' on day '1999-01-01'"),
        ("nothing/result", "No data found for experiment 'nothing'"),
        ("nothing", "No data found for experiment 'nothing'"),
        ("nothing/history", "No data found for experiment 'nothing'"),
        ("nothing/funnel", "No data found for experiment 'nothing'"),
        ("nothing/posterior?day=2021-08-01", "No data found for experiment 'nothing' on day '2021-08-01'"),
    ],
)
def test_no_data(client: TestClient, path: str, detail: str) -> None:
    answer = client.get(f"/experiment/{path}")
    assert answer.status_code == 404
    assert answer.json() == {"detail": detail}


@pytest.mark.parametrize(
    "day", ["2021-8-1", "01/08/2021", "2021-02-30", "yesterday", "", "1627776000", "2021-08-01T00:00"]
)
def test_a_malformed_day_is_told_the_format(client: TestClient, day: str) -> None:
    answer = client.get("/experiment/lonely/result", params={"day": day})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == f"day '{day}': must be a day written YYYY-MM-DD, e.g. 2021-08-01"
    assert answer.json()["title"] == "Unprocessable Content"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
