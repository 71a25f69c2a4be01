"""The Bayesian step: what it fits, what it leaves alone, and that Spark's ways change no number."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from abtest_lib.bayes.fit_config import FitConfig
from abtest_lib.bayes.groups import Group
from abtest_lib.bayes.priors import prior_by_name
from abtest_lib.bayes.spark_udf import fit_partition
from abtest_lib.config import Settings, load_settings
from abtest_lib.contracts import EXPERIMENT_DAILY, EXPERIMENT_TO_DATE, METRIC_TO_DATE, POSTERIORS
from abtest_lib.lake.lake import Lake
from abtest_lib.pipeline import fit_bayes as step
from abtest_lib.pipeline.run import open_run

# Py4J leaves idle connections to the garbage collector, which reports them to whatever test is running.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")

FIRST, SECOND = date(2021, 8, 1), date(2021, 8, 2)
NASTY = "search/x|=,\"'{}\n\u2028é"
COUNTS = [
    (FIRST, "plain", "A", 1000, 100),
    (FIRST, "plain", "B", 1000, 130),
    (SECOND, "plain", "A", 900, 80),
    (SECOND, "plain", "B", 910, 120),
    (FIRST, NASTY, "9", 50, 5),
    (FIRST, NASTY, "10", 50, 0),
    (FIRST, NASTY, "DEFAULT", 70, 7),
    (SECOND, "lonely", "A", 10, 1),
    (SECOND, "lonely", "DEFAULT", 10, 1),
]

CATALOGUE = """
metrics:
  revenue: {type: sum, events: BUY, value: price, covariate: {lookback: 14d}}
  looks:   {type: ratio, numerator: {count: SEARCH}, denominator: {count: BUY}, direction: down}
"""


def revenue(*values: float) -> dict[str, float]:
    return dict(zip(("sum_x", "sum_xx", "sum_c", "sum_cc", "sum_xc"), values, strict=True))


def looks(*values: float) -> dict[str, float]:
    return dict(zip(("sum_x", "sum_xx", "sum_y", "sum_yy", "sum_xy"), values, strict=True))


REVENUE_A = revenue(6791.09, 583193.7285, 4857.5, 212341.0, 174391.31)
REVENUE_B = revenue(4591.34, 238815.3418, 5060.25, 219002.9375, 123135.3725)
SUMS: list[tuple[date, str, str, str, str, int, dict[str, float]]] = [
    (FIRST, "plain", "A", "revenue", "all", 200, REVENUE_A),
    (FIRST, "plain", "B", "revenue", "all", 200, REVENUE_B),
    (FIRST, "plain", "A", "looks", "all", 200, looks(136.0, 214.0, 679.0, 2919.0, 584.0)),
    (FIRST, "plain", "B", "looks", "all", 200, looks(117.0, 173.0, 718.0, 3198.0, 503.0)),
    (FIRST, NASTY, "9", "revenue", "all", 1, revenue(1.0, 1.0, 1.0, 1.0, 1.0)),
    (FIRST, NASTY, "10", "revenue", "all", 50, revenue(5.0, 5.0, 1.0, 1.0, 1.0)),
    (FIRST, NASTY, "DEFAULT", "revenue", "all", 70, revenue(9.0, 9.0, 1.0, 1.0, 1.0)),
    (FIRST, "plain", "A", "revenue", "site=MLA", 100, revenue(9.0, 9.0, 1.0, 1.0, 1.0)),
    (FIRST, "plain", "A", "purchase", "all", 1000, {"sum_x": 100.0, "sum_xx": 100.0}),
]

Rows = dict[tuple[Any, ...], dict[str, Any]]


class HandmadeLake:
    """A lake with counts and nothing else."""

    def __init__(self, spark: SparkSession, folder: Path, **overrides: Any) -> None:
        registry = folder / "registry.yaml"
        registry.write_text(yaml.safe_dump({"experiments": {"plain": {"control": "B"}}}), encoding="utf-8")
        self.spark, self.path = spark, str(folder / "lake")
        self.overrides = {"registry": registry, "fallback_variants": ["DEFAULT"], "engine": "exact", **overrides}

    def settings(self, **more: Any) -> Settings:
        return load_settings(overrides={**self.overrides, **more})

    def count(self, counts: Iterable[tuple[Any, ...]]) -> None:
        daily = self.spark.createDataFrame(list(counts), EXPERIMENT_DAILY.ddl)
        Lake(daily.sparkSession, self.path)[EXPERIMENT_DAILY].overwrite(daily)
        zero = "0L AS cross_exposed_users", "0L AS cross_exposed_purchases"
        columns = ("day", "experiment_name", "variant_id", "day AS period_start", "users", "purchases", *zero)
        Lake(daily.sparkSession, self.path)[EXPERIMENT_TO_DATE].overwrite(daily.selectExpr(*columns))

    def measure(self, sums: Iterable[tuple[date, str, str, str, str, int, dict[str, float]]]) -> None:
        names = METRIC_TO_DATE.column_names
        keys = ("day", "experiment_name", "variant_id", "metric", "segment", "users")
        rows = [{**dict(zip(keys, row[:6], strict=True)), "period_start": FIRST, **row[6]} for row in sums]
        listed = [[row.get(name) for name in names] for row in rows]
        frame = self.spark.createDataFrame(listed, METRIC_TO_DATE.ddl)
        Lake(self.spark, self.path)[METRIC_TO_DATE].overwrite(frame)

    def fit_metrics(self, **more: Any) -> dict[str, Rows]:
        """Return the rows of every metric by the keys of `rows`."""
        self.fit(**more)
        table = DeltaTable(POSTERIORS.path(self.path)).to_pyarrow_table().to_pylist()
        keys = ("window", "day", "experiment_name", "variant_id")
        result: dict[str, Rows] = {}
        for row in table:
            result.setdefault(row["metric"], {})[tuple(row[key] for key in keys)] = row
        return result

    def fit(self, **more: Any) -> Rows:
        run = open_run(Lake(self.spark, self.path), self.settings(**more))
        step.FIT_BAYES.perform(run)
        return self.rows()

    def rows(self) -> Rows:
        table = DeltaTable(POSTERIORS.path(self.path)).to_pyarrow_table().to_pylist()
        keys = ("window", "day", "experiment_name", "variant_id")
        return {tuple(row[key] for key in keys): row for row in table}


@pytest.fixture
def lake(spark: SparkSession, tmp_path: Path) -> HandmadeLake:
    result = HandmadeLake(spark, tmp_path)
    result.count(COUNTS)
    return result


def differing(left: Rows, right: Rows) -> set[tuple[Any, ...]]:
    """Keys whose rows differ; NaN never occurs in the table."""
    return {key for key in left.keys() | right.keys() if left.get(key) != right.get(key)}


def test_what_is_fitted_and_what_is_marked(lake: HandmadeLake) -> None:
    rows = lake.fit()
    assert len(rows) == 2 * 7
    plain = rows["to_date", FIRST, "plain", "A"], rows["to_date", FIRST, "plain", "B"]
    assert [row["is_control"] for row in plain] == [False, True]
    assert [row["status"] for row in plain] == ["ok", "ok"]
    # Pooling is weak at a thousand users: the posterior mean is the observed share to a few thousandths.
    assert [row["conversion_mean"] for row in plain] == pytest.approx([0.1, 0.13], abs=0.002)
    assert sum(row["probability_best"] for row in plain) == pytest.approx(1.0)
    assert plain[0]["probability_beats_control"] < 0.1
    assert plain[0]["lift_median"] == pytest.approx(0.1 / 0.13 - 1, abs=0.03)
    assert plain[1]["lift_median"] is None

    # Numbers are ordered as numbers, so 9 is the control; a fallback variant is no arm.
    assert rows["day", FIRST, NASTY, "9"]["is_control"]
    assert ("day", FIRST, NASTY, "DEFAULT") not in rows
    lonely = rows["day", SECOND, "lonely", "A"]
    assert (lonely["status"], lonely["reason"]) == ("failed", "only one arm with users: a comparison needs two")
    assert lonely["conversion_mean"] is None
    assert (lonely["users"], lonely["purchases"]) == (10, 1)


def test_only_what_changed_is_fitted_again(lake: HandmadeLake, monkeypatch: pytest.MonkeyPatch) -> None:
    before = lake.fit()
    fitted: list[int] = []
    original = step._fit
    monkeypatch.setattr(step, "_fit", lambda groups, count, plan: fitted.append(count) or original(groups, count, plan))

    assert differing(before, lake.fit()) == set()
    assert fitted == []

    changed = [*COUNTS[:3], (SECOND, "plain", "B", 911, 121), *COUNTS[4:]]
    lake.count(changed)
    after = lake.fit()
    assert fitted == [2]
    expected = {(window, SECOND, "plain", arm) for window in ("day", "to_date") for arm in ("A", "B")}
    assert differing(before, after) == expected

    # Counts that vanish take their posteriors along; another seed or prior concerns every group.
    lake.count(changed[:4])
    assert {key[2] for key in lake.fit()} == {"plain"}
    assert fitted == [2, 0]
    lake.fit(seed=7)
    lake.fit(seed=7, prior="flat")
    lake.fit(seed=7, prior="flat", engine="mcmc")  # a fixed prior leaves nothing to sample: the numbers are the same
    assert fitted == [2, 0, 4, 4]


def test_partitions_and_batches_change_no_number(lake: HandmadeLake, monkeypatch: pytest.MonkeyPatch) -> None:
    one_task = lake.fit()
    monkeypatch.setattr(step, "_GROUPS_PER_TASK", 1)
    run = open_run(Lake(lake.spark, lake.path), lake.settings(), full_refresh=True)
    step.FIT_BAYES.perform(run)
    assert differing(one_task, lake.rows()) == set()


@pytest.mark.both_engines
def test_the_sampler_runs_on_executors_and_agrees_with_the_quadrature(lake: HandmadeLake) -> None:
    exact, sampled = lake.fit(), lake.fit(engine="mcmc")
    fitted = [key for key, row in sampled.items() if row["status"] == "ok"]
    assert len(fitted) == 6 * 2
    for key in fitted:
        assert sampled[key]["engine"] == "mcmc"
        assert sampled[key]["r_hat"] <= 1.01
        assert sampled[key]["ess_bulk"] >= 1000
        # Five Monte Carlo standard errors of the sampler's mean.
        error = sampled[key]["conversion_sd"] / sampled[key]["ess_bulk"] ** 0.5
        assert sampled[key]["conversion_mean"] == pytest.approx(exact[key]["conversion_mean"], abs=5 * error)
        assert sampled[key]["probability_best"] == pytest.approx(exact[key]["probability_best"], abs=0.06)


@pytest.mark.both_engines
def test_the_seed_in_sql_is_the_seed_in_python(lake: HandmadeLake) -> None:
    rows = lake.fit(seed=11)
    for (window, day, experiment, _), row in rows.items():
        assert row["seed"] == Group(window, day.isoformat(), experiment, "purchase", ()).seed(11)
    assert any(experiment == NASTY for _, _, experiment, _ in rows)


@pytest.fixture
def measured(spark: SparkSession, tmp_path: Path) -> HandmadeLake:
    catalogue = tmp_path / "metrics.yaml"
    catalogue.write_text(CATALOGUE, encoding="utf-8")
    result = HandmadeLake(spark, tmp_path, metrics=catalogue, event_columns={"price": "double"})
    result.count(COUNTS)
    result.measure(SUMS)
    return result


@pytest.mark.both_engines
def test_metrics_of_the_catalogue_are_fitted_from_their_sums(measured: HandmadeLake, tmp_path: Path) -> None:
    rows = measured.fit_metrics()
    assert {name: len(found) for name, found in rows.items()} == {"purchase": 14, "revenue": 4, "looks": 2}
    (tmp_path / "plain").mkdir()
    plain = HandmadeLake(measured.spark, tmp_path / "plain")
    plain.count(COUNTS)
    assert differing(rows["purchase"], plain.fit()) == set()

    # The adjusted difference is 11.082426; with 200 users an arm, pooling takes some three hundredths of it.
    better, control = (rows["revenue"]["to_date", FIRST, "plain", arm] for arm in ("A", "B"))
    assert [row["is_control"] for row in (better, control)] == [False, True]
    assert [(row["users"], row["purchases"], row["status"]) for row in (better, control)] == [(200, None, "ok")] * 2
    assert better["conversion_mean"] - control["conversion_mean"] == pytest.approx(11.082426, rel=0.05)
    assert better["model_version"] == "normal-1"
    assert better["probability_beats_control"] > 0.99

    # Fewer looks per purchase are better, so the arm with more of them loses what it has too many.
    more = rows["looks"]["to_date", FIRST, "plain", "A"]
    assert more["conversion_mean"] == pytest.approx(136 / 679, rel=0.02)
    assert more["probability_best"] == more["probability_beats_control"] < 0.1
    assert more["expected_loss"] == pytest.approx(0.0373, rel=0.1)

    nasty = rows["revenue"]["to_date", FIRST, NASTY, "10"]
    assert (nasty["status"], nasty["conversion_mean"]) == ("failed", None)
    assert nasty["reason"] == "fewer than two arms can be compared; variant '9': 1 user in this arm: a variance needs 2"


@pytest.mark.both_engines
def test_the_sampler_agrees_with_the_quadrature_on_metrics(measured: HandmadeLake) -> None:
    exact, sampled = measured.fit_metrics(), measured.fit_metrics(metrics_engine="mcmc")
    for name in ("revenue", "looks"):
        for arm in ("A", "B"):
            one, other = exact[name]["to_date", FIRST, "plain", arm], sampled[name]["to_date", FIRST, "plain", arm]
            assert (other["engine"], other["status"]) == ("mcmc", "ok")
            error = other["conversion_sd"] / other["ess_bulk"] ** 0.5
            assert other["conversion_mean"] == pytest.approx(one["conversion_mean"], abs=5 * error)
            assert other["probability_best"] == pytest.approx(one["probability_best"], abs=0.03)


def test_only_metrics_with_other_sums_are_fitted_again(
    measured: HandmadeLake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = measured.fit_metrics()
    fitted: list[int] = []
    original = step._fit
    monkeypatch.setattr(step, "_fit", lambda groups, count, plan: fitted.append(count) or original(groups, count, plan))
    assert measured.fit_metrics() == before
    assert fitted == []

    changed = {**REVENUE_A, "sum_xc": REVENUE_A["sum_xc"] + 1e-6}
    measured.measure([(FIRST, "plain", "A", "revenue", "all", 200, changed), *SUMS[1:]])
    after = measured.fit_metrics()
    assert fitted == [1]
    assert differing(before["revenue"], after["revenue"]) == {("to_date", FIRST, "plain", arm) for arm in ("A", "B")}
    assert differing(before["looks"], after["looks"]) == set()

    # Another direction concerns the metric, and a metric that is no longer declared leaves the table.
    (tmp_path / "metrics.yaml").write_text(CATALOGUE.replace(", direction: down", ""), encoding="utf-8")
    turned = measured.fit_metrics()
    assert fitted == [1, 1]
    key = ("to_date", FIRST, "plain", "A")
    assert turned["looks"][key]["probability_best"] == pytest.approx(
        1.0 - after["looks"][key]["probability_best"], abs=0.03
    )
    assert set(measured.fit_metrics(metrics=None)) == {"purchase"}
    assert fitted == [1, 1, 0]


def test_memory_stays_flat_because_results_leave_before_the_last_group_enters() -> None:
    taken: list[int] = []

    def source() -> Iterable[pa.RecordBatch]:
        for number in range(40):
            taken.append(number)
            arms = [{"variant_id": "A", "users": 10, "purchases": 1}]
            names = {"window": "day", "metric": "purchase", "day": FIRST, "control_id": None, "arms": arms}
            yield pa.RecordBatch.from_pylist([{**names, "experiment_name": f"{number}/{i}"} for i in range(100)])

    results = fit_partition(iter(source()), FitConfig("exact", prior_by_name("flat"), 1))
    assert next(results).num_rows == 256
    assert len(taken) <= 4
    assert 256 + sum(batch.num_rows for batch in results) == 4000
