"""Tables and charts from answers: numbers computed by hand, texts that never become markup."""

import re
from typing import Any

import pytest

from dashboard import formatting, labels, markup, rows
from dashboard.charts import experiment as experiment_charts
from dashboard.charts import report as report_charts
from dashboard.charts import svg
from dashboard.columns import Columns


def arm(variant: str, users: int, purchases: int, role: str = "treatment", **more: Any) -> Any:
    empty = dict.fromkeys(
        ("probability_best", "probability_beats_control", "expected_loss", "lift", "difference", "difference_interval",
         "decision_interval", "statistic", "boundary", "p_adjusted", "interval")
    )  # fmt: skip
    rate = purchases / users if users else None
    return {
        **empty,
        "id": variant,
        "role": role,
        "users": users,
        "purchases": purchases,
        "conversion_rate": rate,
        **more,
    }


def point(day: str, *arms: Any) -> Any:
    return {"day": day, "variants": list(arms), "verdict": None, "chi_square": None}


def test_chi_square_contributions_add_up_to_the_statistic() -> None:
    """The statistic, 3.296186, is that of R's prop.test for 30, 45 and 40 of 500 each."""
    found = rows.chi_square_rows([arm("A", 500, 30), arm("B", 500, 45), arm("C", 500, 40)])
    assert [row["bought_expected"] for row in found] == ["38.3", "38.3", "38.3"]
    assert sum(float(row["contribution"]) for row in found) == pytest.approx(3.296186, abs=0.01)


@pytest.mark.parametrize("counts", [[], [(10, 5)], [(10, 0), (10, 0)], [(10, 10), (10, 10)], [(10, 5), (0, 0)]])
def test_no_chi_square_table_where_there_is_nothing_to_test(counts: list[tuple[int, int]]) -> None:
    assert rows.chi_square_rows([arm(str(place), *count) for place, count in enumerate(counts)]) == []


def test_the_control_comes_first_and_fallbacks_are_left_out() -> None:
    found = [arm("DEFAULT", 1, 0, "fallback"), arm("B", 1, 0), arm("A", 1, 0, "control"), arm("C", 1, 0)]
    assert [one["id"] for one in rows.control_first(found)] == ["A", "B", "C", "DEFAULT"]
    assert [one["id"] for one in rows.without_fallbacks(found)] == ["A", "B", "C"]


def test_declared_shares_are_those_of_the_day() -> None:
    splits = [{"from": None, "arms": {"A": 9, "B": 1}}, {"from": "2021-08-02", "arms": {"A": 1, "B": 1}}]
    detail: Any = {"registry": {"allocation": splits}}
    for day, wanted in (("2021-08-01", ["90.0", "10.0"]), ("2021-08-02", ["50.0", "50.0"])):
        found = rows.split_rows(detail, point(day, arm("A", 30, 1), arm("B", 10, 1)))
        assert [row["declared"] for row in found] == [f"{share}\u00a0%" for share in wanted]
        assert [row["share"] for row in found] == ["75.0\u00a0%", "25.0\u00a0%"]


@pytest.mark.parametrize(
    ("registry", "reasons", "shown"),
    [
        (None, ["not_proven"], labels.NOT_AVAILABLE),
        (None, ["not_registered"], labels.NOT_DECLARED),
        ({"control": "A"}, ["not_proven"], labels.NOT_DECLARED),
    ],
)
def test_a_split_that_is_not_available_is_not_called_undeclared(registry: Any, reasons: list[str], shown: str) -> None:
    detail: Any = {"registry": registry}
    now = point("2021-08-01", arm("A", 30, 1), arm("B", 10, 1)) | {"verdict": {"reasons": reasons}}
    assert [row["declared"] for row in rows.split_rows(detail, now)] == [shown, shown]


@pytest.mark.parametrize(("dof", "shown"), [(1, "1 degree of freedom,"), (2, "2 degrees of freedom,")])
def test_one_degree_of_freedom_is_one(dof: int, shown: str) -> None:
    assert shown in rows.chi_square_note({"statistic": 1.0, "dof": dof, "p_value": 0.3})


def test_the_control_has_no_boundary_in_the_report() -> None:
    arms = [arm("A", 20, 2, "control"), arm("B", 20, 2, statistic=2.0, boundary=3.0), arm("C", 20, 2, statistic=1.0)]
    drawn = report_charts.boundary([point("2021-08-01", *arms)], arms)
    assert re.findall(r"boundary, (\w+)", drawn) == ["B"]


@pytest.mark.parametrize(
    ("cell", "opening"),
    [
        ("2021-08-09", "class='ab-word'>"),
        ("x" * 40, "class='ab-long'>"),
        ("two words", "data-label='B'>"),
        ("words and " + "x" * 40, "class='ab-long'>"),
    ],
)
def test_only_long_words_of_a_table_may_break(cell: str, opening: str) -> None:
    assert f"{opening}{cell}</td>" in markup.table(Columns({"a": "A", "b": "B"}), [{"a": "4915", "b": cell}])


def test_a_reason_of_a_newer_api_is_shown_as_words() -> None:
    assert rows.reason_sentences(["brand_new_reason"]) == ["brand new reason"]


def test_no_text_becomes_markup() -> None:
    hostile = "<script>alert('x')</script>\"&"
    written = markup.table(Columns({"a": hostile, "b": hostile}), [{"a": hostile, "b": hostile}], hostile)
    written += (
        markup.experiment_link(hostile).html
        + markup.badge(hostile).html
        + markup.wide_table([hostile], [[hostile]], hostile)
    )
    assert "<script" not in written
    assert "'x'" not in written
    figure = experiment_charts.conversion([arm(hostile, 10, 1, interval={"lower": 0.01, "upper": 0.3})])
    assert "<script" not in figure.to_json()


def test_the_boundary_figure_is_cut_where_early_boundaries_would_flatten_the_path() -> None:
    days = [
        point("2021-08-01", arm("B", 10, 1, statistic=1.0, boundary=30.0)),
        point("2021-08-02", arm("B", 20, 2, statistic=2.0, boundary=3.0)),
    ]
    figure = experiment_charts.boundary(days, days[-1]["variants"])
    assert figure is not None
    assert figure.layout.yaxis.range == (-8.0, 8.0)
    assert list(figure.data[0].y) == [1.0, 2.0]
    assert list(figure.data[1].y) == [30.0, 3.0]
    assert list(figure.data[2].y) == [-30.0, -3.0]


def test_a_band_has_no_marks_of_its_own() -> None:
    days = [point(f"2021-08-0{day}", arm("B", 10, 1, interval={"lower": 0.05, "upper": 0.2})) for day in (1, 2)]
    band, _ = experiment_charts.trend(days, days[-1]["variants"]).data
    assert (band.fill, band.mode) == ("toself", "lines")


def test_without_a_look_there_is_no_boundary_figure() -> None:
    day = point("2021-08-01", arm("B", 10, 1, statistic=1.0))
    assert experiment_charts.boundary([day], day["variants"]) is None


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1e-7), (0.0, 1.0), (-3.0, 8.0), (0.049, 0.051), (5.0, 5.0), (0.0, 2e9), (-1e-3, 1e-3)]
)
def test_ticks_are_few_round_and_inside(low: float, high: float) -> None:
    found = svg.ticks(low, high)
    assert 1 <= len(found) <= 8
    assert all(low - 1e-12 <= value <= high + 1e-12 for value, _ in found)
    assert all("e" not in text for _, text in found)
    assert len({text for _, text in found}) == len(found)


@pytest.mark.parametrize("value", [0.0, 1e-12, 0.5, 1 - 1e-12, 1.0, None])
def test_a_probability_is_never_certain(value: float | None) -> None:
    assert formatting.probability(value) not in {"0.0\u00a0%", "100.0\u00a0%"}
