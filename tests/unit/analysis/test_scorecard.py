"""The metrics of an experiment in Python and in the terminal."""

from pathlib import Path

import pytest
from lakes import DAY_1, RANKING, build_lake
from metric_lakes import REVENUE, SEARCHES, build_metric_lake, build_older_lake, comparisons, posteriors

from abtest_lib import open_lake
from abtest_lib.analysis import lake_results
from abtest_lib.analysis.arms import Interval
from abtest_lib.analysis.catalogue import readable_catalogue
from abtest_lib.analysis.result import ExperimentResult
from abtest_lib.analysis.scorecard import make_metrics
from abtest_lib.analysis.scorecard_table import SEGMENTS_DESCRIBE, status_words
from abtest_lib.contracts.enums import Direction, MetricRole, MetricStatus, MetricType
from abtest_lib.metrics import Catalogue, Measure, Metric

NOBODY = Catalogue()


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ExperimentResult:
    return open_lake(build_metric_lake(tmp_path_factory.mktemp("lake"))).result(RANKING)


def test_metrics_stand_in_order_of_their_roles(result: ExperimentResult) -> None:
    found = [(item.role, item.metric, item.status, item.arm, item.control) for item in result.metrics]
    assert found == [
        (MetricRole.GOAL, "purchase", MetricStatus.UNPROVEN, "4916", "4915"),
        (MetricRole.GOAL, REVENUE, MetricStatus.BETTER, "4916", "4915"),
        (MetricRole.GUARDRAIL, SEARCHES, MetricStatus.UNPROVEN, "4916", "4915"),
    ]


def test_a_metric_has_the_numbers_of_the_tables(result: ExperimentResult) -> None:
    revenue = result.metrics[1]
    assert (revenue.users, revenue.control_users, revenue.value, revenue.control_value) == (202, 188, 12.5, 10.0)
    assert (revenue.lift, revenue.lift_interval) == (0.225, Interval(0.07, 0.4))
    assert revenue.comparison is not None
    assert revenue.comparison.decision_interval == Interval(0.5, 4.0)
    assert (revenue.unadjusted_difference, revenue.unadjusted_interval) == (2.5, Interval(0.4, 4.6))
    assert (revenue.probability_best, revenue.probability_beats_control, revenue.expected_loss) == (0.97, 0.985, 0.02)
    assert (revenue.variance_reduction, revenue.margin, result.metrics[2].margin) == (0.49, None, 0.18)


def test_segments_are_apart_and_have_no_posterior(result: ExperimentResult) -> None:
    assert {item.segment for item in result.segments} == {"site=MLA", "site=MLB"}
    assert len(result.segments) == 6
    assert {(item.probability_best, item.interaction_p_value) for item in result.segments} == {(None, 0.04)}


def test_the_arms_stay_those_of_purchases(result: ExperimentResult, tmp_path: Path) -> None:
    plain = open_lake(build_lake(tmp_path)).result(RANKING)
    assert result.arms == plain.arms
    assert result.to_pandas().equals(plain.to_pandas())


def test_the_verdict_and_the_list_name_the_metric(result: ExperimentResult, tmp_path: Path) -> None:
    assert result.verdict is not None
    assert result.verdict.metric == REVENUE
    (line,) = [item for item in open_lake(build_metric_lake(tmp_path)).experiments() if item.name == RANKING]
    assert line.comparison is not None
    assert (line.metric, line.best_arm, line.comparison.lift) == (REVENUE, "4916", 0.225)


def test_the_scorecard_is_printed(result: ExperimentResult) -> None:
    text = result.to_text(120)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    titles = [line for line in lines if line in {"Goals", "Guardrails", "Observed"}]
    assert titles == ["Goals", "Guardrails"]
    assert f"✓ {REVENUE} 4916 10.00 12.50 +22.5% +7.0%…+40.0% proven better" in lines
    assert f"! {SEARCHES} 4916 9.000 9.200 +2.2% -1.1%…+5.6% not proven, margin 0.180" in lines
    assert f"site=MLB {REVENUE} 4916 82 10.00 12.50 +22.5% +7.0%…+40.0%" in lines
    assert SEGMENTS_DESCRIBE in lines
    html = result._repr_html_()
    assert SEGMENTS_DESCRIBE in html
    assert f"✓ {REVENUE}" in html


@pytest.mark.parametrize("build", [build_lake, build_older_lake])
def test_conversion_alone_is_printed_as_ever(build: object, tmp_path: Path) -> None:
    result = open_lake(build(tmp_path)).result(RANKING)  # type: ignore[operator]
    assert [item.metric for item in result.metrics] == ["purchase"]
    assert result.segments == ()
    assert "Goals" not in result.to_text()
    assert "role" not in result._repr_html_()


def test_an_older_release_has_a_goal_without_a_status(tmp_path: Path) -> None:
    (item,) = open_lake(build_older_lake(tmp_path)).result(RANKING, DAY_1).metrics
    assert (item.role, item.segment, item.status, status_words(item)) == (MetricRole.GOAL, "all", None, "")


def test_units_come_from_the_catalogue_of_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unit = Metric(REVENUE, MetricType.SUM, Measure("true", "price"), unit="USD")
    monkeypatch.setattr(lake_results, "readable_catalogue", lambda: Catalogue({REVENUE: unit}))
    result = open_lake(build_metric_lake(tmp_path)).result(RANKING)
    assert "12.50 USD" in result.to_text(140)


def test_a_share_of_users_is_a_percentage_and_its_margin_percentage_points() -> None:
    share = Metric(SEARCHES, MetricType.RETENTION, Measure("true"), direction=Direction.DOWN)
    rows = make_metrics(comparisons(), posteriors(), Catalogue({SEARCHES: share}))
    guardrail = next(item for item in rows if item.metric == SEARCHES and item.segment == "all")
    assert (guardrail.is_proportion, status_words(guardrail)) == (True, "not proven, margin 18.00 pp")


def test_the_order_of_the_rows_does_not_matter() -> None:
    found = make_metrics(comparisons(), posteriors(), NOBODY)
    assert len(found) == 8
    assert make_metrics(comparisons()[::-1], posteriors()[::-1], NOBODY) == found


def test_a_catalogue_that_cannot_be_read_leaves_the_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "metrics.yaml"
    monkeypatch.setenv("ABTEST_METRICS", str(file))
    assert readable_catalogue() == Catalogue()
    file.write_text("metrics: {orders: {type: count, events: BUY, unit: orders}}", encoding="utf-8")
    orders = readable_catalogue().get("orders")
    assert orders is not None
    assert (orders.type, orders.unit) == (MetricType.COUNT, "orders")
