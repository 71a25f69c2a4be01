"""`/analyze`: the same answer as the command line, and impossible counts refused."""

import subprocess
import sys

import pytest
from pydantic import TypeAdapter
from serving import TestClient, parse

from abtest_lib import analyze, answers
from api import examples
from api.routes.analysis import AnalyzeQuery, _analyze

COUNTS = "A=50/1000,B=70/1000"


def test_the_answer_is_that_of_python(client: TestClient) -> None:
    answer = client.get("/analyze", params={"counts": COUNTS, "control": "B", "split": ".5,.5"})
    assert answer.status_code == 200, answer.text
    assert answer.json() == analyze({"A": (1000, 50), "B": (1000, 70)}, "B", [0.5, 0.5]).to_dict()
    found = parse(answers.Analysis, answer)
    # Pearson's chi-square of the table 50, 950; 70, 930 by hand: 2,000·(50·930 - 70·950)²/(1,000²·120·1,880).
    assert found.chi_square is not None
    assert found.chi_square.statistic == pytest.approx(2000 * 20_000**2 / (1000**2 * 120 * 1880))
    assert [arm.role for arm in found.arms] == ["treatment", "control"]
    assert answer.headers["cache-control"] == "no-store"


def test_counts_need_not_be_encoded(client: TestClient) -> None:
    plain = client.get("/analyze?counts=A=50/1000,B=70/1000")
    assert plain.status_code == 200
    assert plain.json() == client.get("/analyze", params={"counts": COUNTS}).json()
    assert plain.json()["sample_ratio"] == {"status": "ok", "p_value": 1.0, "is_planned": False}


@pytest.mark.parametrize(
    ("given", "detail"),
    [
        ({}, "counts is missing"),
        ({"counts": ""}, "counts '': write NAME=CONVERSIONS/USERS for each arm"),
        ({"counts": "A=50/1000"}, "counts of 1 arm: there must be 2 to 50"),
        ({"counts": "A=50/1000,B=1001/1000"}, "arm 'B' has 1001 conversions by 1000 users"),
        ({"counts": "A=50/1000,B=7/1e3"}, "arm 'B' has '1e3' users: must be a whole number from 0 to 10,000,000,000"),
        ({"counts": "A=50/10000000001,B=7/10"}, "arm 'A' has 10000000001 users: at most 10,000,000,000 are allowed"),
        ({"counts": COUNTS, "control": "C"}, "control 'C' is no arm: the arms are A, B"),
        ({"counts": COUNTS, "split": "1,1"}, "split: the share of arm 'A' is 1.0: must lie between 0 and 1"),
        ({"counts": COUNTS, "split": ".5,inf"}, "split: the share of arm 'B' is inf: must lie between 0 and 1"),
        ({"counts": "A=1/2," * 2_000}, "counts of 12,000 characters: at most 10,000 are read"),
    ],
)
def test_impossible_counts_are_refused(client: TestClient, given: dict[str, str], detail: str) -> None:
    answer = client.get("/analyze", params=given)
    assert answer.status_code == 422
    assert detail in parse(answers.Problem, answer).detail


@pytest.mark.parametrize("users", [1, 10, 10**5, 10**10])
@pytest.mark.parametrize("share", [0.0, 1e-9, 0.3, 1.0])
def test_every_possible_count_has_a_shape(users: int, share: float) -> None:
    for arms in (2, 50):
        counts = ",".join(f"{arm}={int(share * users)}/{users}" for arm in range(arms))
        found = TypeAdapter(answers.Analysis).validate_python(_analyze(AnalyzeQuery(counts=counts)))
        assert all(arm["mean"] is not None for arm in found["arms"])


def test_the_example_has_the_shape() -> None:
    found = TypeAdapter(answers.Analysis).validate_python(examples.ANALYSIS)
    answered = analyze({"A": (1000, 50), "B": (1000, 70)}, "A").to_dict()["arms"][1]
    shown = found["arms"][0]
    assert shown["statistic"] == pytest.approx(answered["statistic"], abs=1e-3)
    assert shown["lift"] == pytest.approx(answered["lift"], abs=1e-3)


def test_the_exact_engine_needs_no_jax() -> None:
    program = f"""
import sys
from api.routes.analysis import AnalyzeQuery, _analyze
_analyze(AnalyzeQuery(counts={COUNTS!r}))
print(*{{"jax", "numpyro", "pyspark", "pandas", "scipy.stats"}} & set(sys.modules))
"""
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)
    assert run.stdout.strip() == ""
