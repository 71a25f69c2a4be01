"""Names of any text: each is found again, whatever the address does to it."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lakes import DAY_1, arm_rows, publish, write
from serving import TestClient, mirror, parse, served, settings_for

from abtest_lib import answers, contracts

NAMES = [
    "plain", "a/b", "a|b", "a\\b", "a/b/result", "result", "/", "//", "|", "..", "../..", "../../etc/passwd", ".", " ",
    "a b", "a+b", "a%2Fb", "%", "%00", "100%", "q?x=1", "h#f", "ü/ñ", "日本語", "🙂", "'; DROP TABLE gold; --", '"',
    "{x}", "a\tb", "a\nb", "\x01", "null", "history", "x" * 500, "\ufffd", "..%2f..", "e\u0301", "é",
    "search/map|list-view", "m/n|o", "m|n/o",
]  # fmt: skip


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    lake = tmp_path_factory.mktemp("lake")
    rows = [row for number, name in enumerate(NAMES) for row in arm_rows(DAY_1, name, {"1": (number + 1, 0)})]
    publish(lake, "names", {"gold/experiment_daily": write(lake, contracts.EXPERIMENT_DAILY, rows)})
    with served(lake, tmp_path_factory.mktemp("cache")) as client:
        yield client


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_found(named: TestClient, name: str) -> None:
    encoded = quote(name, safe="").replace(".", "%2E")
    for path in ("result", "history", "funnel", "posterior"):
        answer = named.get(f"/experiment/{encoded}/{path}")
        assert answer.status_code == 200, path
    answer = named.get(f"/experiment/{encoded}/result?day=2021-08-01").json()["results"]
    assert (answer["exp_name"], answer["variants"][0]["users"]) == (name, NAMES.index(name) + 1)
    assert named.get(f"/experiment/{encoded}").json()["name"] == name


def test_the_list_has_every_name(named: TestClient) -> None:
    found = parse(answers.ExperimentList, named.get("/experiments?limit=500"))
    assert [line.name for line in found.experiments] == sorted(NAMES)


def test_the_exact_name_goes_first(named: TestClient) -> None:
    assert named.get("/experiment/a|b/result").json()["results"]["variants"][0]["users"] == NAMES.index("a|b") + 1


@pytest.mark.parametrize(
    "written",
    ["search%7Cmap%7Clist-view", "search|map|list-view", "search%2Fmap%2Flist-view", "search|map%2Flist-view"],
)
def test_a_name_with_both_signs_is_found_in_either(named: TestClient, written: str) -> None:
    for path in ("", "/result", "/history", "/funnel", "/posterior"):
        assert named.get(f"/experiment/{written}{path}").status_code == 200, path
    assert named.get(f"/experiment/{written}").json()["name"] == "search/map|list-view"


def test_a_spelling_of_several_names_is_none_of_them(named: TestClient) -> None:
    assert named.get("/experiment/m|n|o").status_code == 404
    assert named.get("/experiment/m%2Fn|o").json()["name"] == "m/n|o"
    assert named.get("/experiment/m|n%2Fo").json()["name"] == "m|n/o"


def test_a_bar_stands_for_a_backslash_too(tmp_path: Path) -> None:
    rows = arm_rows(DAY_1, "a\\b", {"1": (1, 0)})
    publish(tmp_path, "r", {"gold/experiment_daily": write(tmp_path, contracts.EXPERIMENT_DAILY, rows)})
    with served(tmp_path, tmp_path / "cache") as client:
        assert client.get("/experiment/a|b").json()["name"] == "a\\b"


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=60), st.text(max_size=12))
def test_any_other_text_is_no_data_or_a_problem(named: TestClient, name: str, day: str) -> None:
    encoded = quote(name.encode("utf-8", "replace").decode(), safe="")
    answer = named.get(f"/experiment/{encoded}/result", params={"day": day.encode("utf-8", "replace").decode()})
    assert answer.status_code in {200, 404, 422}
    assert answer.status_code != 200 or name.replace("|", "/") in NAMES or name in NAMES


def test_a_second_mirror_of_the_same_release_changes_nothing(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    publish(
        lake,
        "r",
        {"gold/experiment_daily": write(lake, contracts.EXPERIMENT_DAILY, arm_rows(DAY_1, "a", {"1": (1, 0)}))},
    )
    given_settings = settings_for(lake, tmp_path / "cache")
    assert mirror(given_settings)
    assert not mirror(given_settings)
