"""Traffic with prices and devices: persistent users, true effects per metric, and nothing new without the option."""

import csv
import hashlib
import json
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from abtest_lib.errors import UsageError
from abtest_lib.traffic.amounts import draw_amounts
from abtest_lib.traffic.catalog import DEFAULT_EXPERIMENTS, PAGES, Arm, Experiment
from abtest_lib.traffic.corruption import BROKEN_COLUMN_RULES, BROKEN_RULES
from abtest_lib.traffic.devices import DEVICES, devices_on, main_devices
from abtest_lib.traffic.effects import read_effects
from abtest_lib.traffic.events import FIELDS, Traffic
from abtest_lib.traffic.generate import generate_traffic
from abtest_lib.traffic.metric_experiments import CATALOGUE, EXPERIMENTS_WITH_METRICS, METRIC_EXPERIMENTS
from abtest_lib.traffic.metric_truth import metric_effects, segment_effects
from abtest_lib.traffic.rates import Regulars
from abtest_lib.traffic.regulars import regulars_for
from abtest_lib.traffic.sessions import BUY, CHECKOUT, amount_factors, draw_sessions

START, ZONE = date(2021, 8, 1), "America/New_York"
PLAIN = Traffic(400, 4, 7, START, ZONE, DEFAULT_EXPERIMENTS)
WITH_COLUMNS = Traffic(400, 4, 7, START, ZONE, EXPERIMENTS_WITH_METRICS, columns=True)
CONTROL = Arm("1", 0.5)
USERS, DAYS = 60_000, 14


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def totals(
    seed: int, days: range, experiments: tuple[Experiment, ...], regulars: Regulars | None
) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Orders and revenue of each user, from the sessions that files are written from."""
    found = {name: np.zeros(USERS) for name in ("orders", "revenue")}
    for day in days:
        rng = np.random.default_rng([seed, day])
        sessions = draw_sessions(rng, seed, np.arange(USERS), day, DAYS, experiments, regulars)
        bought = np.flatnonzero(sessions.steps == BUY - CHECKOUT + 1)
        users = sessions.users[bought]
        amounts = draw_amounts(rng, seed, users, amount_factors(sessions, experiments)[bought])
        np.add.at(found["orders"], users, 1)
        np.add.at(found["revenue"], users, np.array(amounts, float))
    return found


def test_without_the_option_the_bytes_are_those_of_before(tmp_path: Path) -> None:
    """The digests are of files that the generator wrote before it knew event columns."""
    generated = generate_traffic(replace(PLAIN, dirty=0.1), tmp_path / "a.csv")
    assert generated.metrics is None
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in tmp_path.iterdir()}
    assert digests == {
        "a.csv": "ac81ad213d11e888",
        "a.registry.yaml": "54de09de5b0a58f9",
        "a.truth.yaml": "b7244a143d9a5715",
    }


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_purchases_have_a_price_and_every_event_a_device(tmp_path: Path, name: str) -> None:
    generate_traffic(WITH_COLUMNS, tmp_path / name)
    path = tmp_path / name
    if name == "a.csv":
        rows = [{field: value or None for field, value in row.items()} for row in rows_of(path)]
    elif name == "a.jsonl":
        rows = [json.loads(line) for line in path.read_text().splitlines()]
    else:
        rows = pq.read_table(path).to_pylist()
    assert len(rows) > 2000
    assert {row["device"] for row in rows} == set(DEVICES)
    for row in rows:
        assert (row.get("price") is not None) == (row["event_name"] == "BUY")
    prices = [float(row["price"]) for row in rows if row.get("price")]
    assert min(prices) > 1
    assert 25 < np.median(prices) < 60


def test_all_formats_hold_the_same_prices(tmp_path: Path) -> None:
    for name in ("a.csv", "a.jsonl", "a.parquet"):
        generate_traffic(WITH_COLUMNS, tmp_path / name)
    rows = rows_of(tmp_path / "a.csv")
    expected = [(row["user_id"], row["price"] and float(row["price"]), row["device"]) for row in rows]
    for rows in (
        [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()],
        pq.read_table(tmp_path / "a.parquet").to_pylist(),
    ):
        found = [(row["user_id"], float(price) if (price := row.get("price")) else "", row["device"]) for row in rows]
        assert found == expected


def test_a_user_keeps_a_device_on_most_days() -> None:
    users = np.arange(50_000)
    days = np.stack([devices_on(3, users, day) for day in range(20)])
    is_main = days == main_devices(3, users)
    assert is_main.mean() == pytest.approx(0.97, abs=0.001)
    shares = np.bincount(main_devices(3, users)) / len(users)
    assert shares == pytest.approx([0.45, 0.25, 0.3], abs=0.01)
    others = Counter(((days - main_devices(3, users)) % 3)[~is_main].tolist())
    assert others[1] / others[2] == pytest.approx(1, abs=0.05)


def test_a_session_has_one_device(tmp_path: Path) -> None:
    generate_traffic(WITH_COLUMNS, tmp_path / "a.csv")
    seen = defaultdict(set)
    for row in rows_of(tmp_path / "a.csv"):
        seen[row["user_id"], row["timestamp"][:10]].add(row["device"])
    assert all(len(devices) == 1 for devices in seen.values())


@pytest.mark.parametrize("correlation", [0.2, 0.5, 0.7])
def test_revenue_of_one_week_predicts_the_next(correlation: float) -> None:
    """Over 60,000 users, of whom 1,800 buy regularly; the sampling error of the correlation is near 0.02."""
    regulars = regulars_for(correlation)
    before = totals(5, range(7), (), regulars)["revenue"]
    after = totals(5, range(7, 14), (), regulars)["revenue"]
    assert np.corrcoef(before, after)[0, 1] == pytest.approx(correlation, abs=0.06)


def test_a_correlation_out_of_reach() -> None:
    with pytest.raises(UsageError, match=r"correlation = 0.9: must be from 0.1 to 0.75"):
        regulars_for(0.9)


EFFECT = Experiment("one", PAGES, (CONTROL, Arm("2", 0.5, 0.4, amount=-0.5, searches=0.6)), goals=("purchase",))


def test_true_totals_are_found_in_a_large_sample() -> None:
    """Arms are compared as they are assigned; each relative change agrees within four standard errors."""
    regulars = regulars_for(0.5)
    truth = metric_effects(replace(WITH_COLUMNS, days=DAYS), EFFECT)["2"]
    assert truth["revenue_per_user"] == pytest.approx(1.4 * 0.5 - 1)
    found = totals(5, range(DAYS), (EFFECT,), regulars)
    is_treated = np.zeros(USERS, bool)
    for day in range(DAYS):
        is_treated[_treated(day, regulars)] = True
    for metric, name in (("orders_per_user", "orders"), ("revenue_per_user", "revenue")):
        arm, control = found[name][is_treated], found[name][~is_treated]
        ratio = arm.mean() / control.mean()
        error = ratio * np.hypot(_relative_error(arm), _relative_error(control))
        assert ratio - 1 == pytest.approx(truth[metric], abs=4 * error)
        assert error < 0.1


def _treated(day: int, regulars: Regulars) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The users of the day in the treatment."""
    rng = np.random.default_rng([5, day])
    sessions = draw_sessions(rng, 5, np.arange(USERS), day, DAYS, (EFFECT,), regulars)
    return np.unique(sessions.users[sessions.assigned[:, 0] == 2])


def _relative_error(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    return float(values.std() / np.sqrt(len(values)) / values.mean())


def test_the_truth_of_every_metric_is_found_in_a_file(tmp_path: Path) -> None:
    """All metrics of one experiment from events as they are written, within four standard errors."""
    experiment = replace(EFFECT, starts=0.5)
    traffic = replace(WITH_COLUMNS, users=20_000, days=8, experiments=(experiment,))
    path = generate_traffic(traffic, tmp_path / "a.parquet").files[0]
    truth = yaml.safe_load((tmp_path / "a.truth.yaml").read_text())["metrics"]["one"]["2"]
    users = _users(pq.read_table(path).to_pylist())
    arms = [np.array([values for arm, values in users if arm == name], float) for name in ("1", "2")]
    assert all(len(arm) > 4000 for arm in arms)
    for column, metric in enumerate(("orders_per_user", "revenue_per_user", "purchase", "next_days")):
        control, arm = (values[:, column] for values in arms)
        ratio = arm.mean() / control.mean()
        error = ratio * np.hypot(_relative_error(arm), _relative_error(control))
        assert ratio - 1 == pytest.approx(truth[metric], abs=4 * error), metric
    searches = [arm[:, 4].mean() / arm[:, 0].mean() for arm in arms]
    errors = [np.std(arm[:, 4] / arm[:, 4].mean() - arm[:, 0] / arm[:, 0].mean()) / np.sqrt(len(arm)) for arm in arms]
    ratio = searches[1] / searches[0]
    assert ratio - 1 == pytest.approx(truth["searches_per_order"], abs=4 * ratio * np.hypot(*errors))


def _users(rows: list[dict[str, str]]) -> list[tuple[str, list[float]]]:
    """Arm, and orders, revenue, bought, came back on days one to three, searches since the first exposure."""
    moments = np.array([row["timestamp"][:-5] for row in rows], "datetime64[ms]")
    order = np.argsort(moments, kind="stable")
    found: dict[str, tuple[str, np.datetime64, list[float]]] = {}
    for place in order.tolist():
        row = rows[place]
        if row["user_id"] not in found:
            if row["experiments"] == "{}":
                continue
            found[row["user_id"]] = (row["experiments"][-2], moments[place], [0.0] * 5)
        _, first, values = found[row["user_id"]]
        is_order = row["event_name"] == "BUY"
        values[0] += is_order
        values[1] += float(row["price"] or 0)
        values[2] = max(values[2], float(is_order))
        values[3] = max(values[3], float(np.timedelta64(1, "D") <= moments[place] - first < np.timedelta64(4, "D")))
        values[4] += row["event_name"] == "SEARCH"
    return [(arm, values) for arm, _, values in found.values()]


def test_a_device_with_the_other_sign() -> None:
    arm = Arm("2", 0.5, 0.3, devices={"web": -0.4})
    experiment = Experiment("one", PAGES, (CONTROL, arm))
    truth = segment_effects(experiment)["2"]
    # Of the users seen on the web, 97 % · 0.30 have it as their main device, 1.5 % · (0.45 + 0.25) borrow it.
    assert truth["device=web"] == pytest.approx((-0.4 * 0.291 + 0.3 * 0.0105) / 0.3015, abs=1e-6)
    assert truth["device=ios"] > 0.28
    effects = metric_effects(WITH_COLUMNS, replace(experiment, goals=("purchase",)))["2"]
    assert effects["orders_per_user"] == pytest.approx(0.7 * 0.3 - 0.3 * 0.4)


def test_damaged_prices_are_named_as_such(tmp_path: Path) -> None:
    generated = generate_traffic(replace(WITH_COLUMNS, dirty=0.05), tmp_path / "a.csv")
    assert set(generated.corruptions) == {*BROKEN_RULES, *BROKEN_COLUMN_RULES}
    text = (tmp_path / "a.csv").read_text(encoding="utf-8", errors="replace")
    for damaged in (",twelve,", ',"12,50",', ",NaN,", ",Infinity,", ',"a ""smart"", télé"'):
        assert damaged in text
    for row in BROKEN_COLUMN_RULES.values():
        assert row in {(), ("price_malformed",)}
    without = generate_traffic(replace(PLAIN, dirty=0.05), tmp_path / "b.csv")
    assert set(without.corruptions) == set(BROKEN_RULES)


def test_the_catalogue_and_the_registry_name_the_same_metrics(tmp_path: Path) -> None:
    generated = generate_traffic(WITH_COLUMNS, tmp_path / "a.csv")
    assert generated.metrics == tmp_path / "a.metrics.yaml"
    assert yaml.safe_load(generated.metrics.read_text())["metrics"] == CATALOGUE
    declared = yaml.safe_load(generated.registry.read_text())["experiments"]
    judged = {name: entry for name, entry in declared.items() if "goals" in entry}
    assert set(judged) == {"app/one-tap", "app/coupon", "app/endless-list"}
    for entry in judged.values():
        assert {*entry["goals"], *entry["guardrails"]} <= {"purchase", *CATALOGUE}
        assert set(entry["segments"]) <= {"site", "device"}
        assert all(set(guardrail) == {"margin"} for guardrail in entry["guardrails"].values())
    header = (tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header == ",".join((*FIELDS, "price", "device"))


def test_a_truth_file_with_metrics_reads_back(tmp_path: Path) -> None:
    generated = generate_traffic(WITH_COLUMNS, tmp_path / "a.csv")
    again = read_effects(generated.truth)
    assert len(again) == len(EXPERIMENTS_WITH_METRICS)
    assert again[-len(METRIC_EXPERIMENTS) :] == METRIC_EXPERIMENTS


@pytest.mark.parametrize(
    ("arm", "message"),
    [
        ({"searches": -0.1}, "searches of arm '1' of experiment 'a' = -0.1: must be a number from 0 to 10"),
        ({"amount": "much"}, "amount of arm '1' of experiment 'a' = much"),
        ({"devices": {"phone": 0.1}}, "must be some of android, ios, web"),
        ({"devices": 3}, "devices of arm '1' of experiment 'a' must be a mapping"),
    ],
)
def test_impossible_effects_on_columns(tmp_path: Path, arm: dict[str, object], message: str) -> None:
    path = tmp_path / "effects.json"
    path.write_text(json.dumps({"a": {"arms": {"1": arm}}}))
    with pytest.raises(UsageError, match=message):
        read_effects(path)
