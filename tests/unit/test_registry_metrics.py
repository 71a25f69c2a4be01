"""Goals, guardrails and segments of the registry are read and checked against the catalogue."""

import pytest

from abtest_lib.config import load_settings
from abtest_lib.errors import RegistryError
from abtest_lib.metrics import Catalogue, parse_catalogue, purchase_metric
from abtest_lib.registry import Experiment, Guardrail, load_registry, parse_registry

METRICS = """\
metrics:
  revenue_per_user: {type: count, events: BUY}
  searches_per_order: {type: ratio, numerator: {count: SEARCH}, denominator: {count: BUY}, direction: down}
  second_week: {type: retention, from: 7d, to: 14d}
"""
REGISTRY = """\
experiments:
  search/new-ranking:
    goals: [purchase, revenue_per_user]
    guardrails:
      searches_per_order: {margin: 2%}
      second_week: {margin: 1pp}
    segments: [site, device]
"""


def catalogue(text: str = METRICS) -> Catalogue:
    columns = {"price": "double", "device": "string"}
    return parse_catalogue(text, "metrics.yaml", columns, purchase_metric(load_settings()))


def experiment(text: str) -> Experiment:
    found = parse_registry(text, "team.yaml", catalogue()).get("search/new-ranking")
    assert found is not None
    return found


def test_everything_that_was_declared_is_read() -> None:
    found = experiment(REGISTRY)
    assert found.goals == ("purchase", "revenue_per_user")
    assert found.guardrails == (
        Guardrail("searches_per_order", 0.02, is_relative=True),
        Guardrail("second_week", 0.01, is_relative=False),
    )
    assert found.segments == ("site", "device")


def test_an_experiment_without_metrics_is_decided_by_purchases() -> None:
    found = experiment("experiments:\n  search/new-ranking:\n")
    assert (found.goals, found.guardrails, found.segments) == (("purchase",), (), ())


@pytest.mark.parametrize(
    ("margin", "expected"),
    [
        ("{margin: 0.5%}", Guardrail("searches_per_order", 0.005)),
        ("{margin: 1.1 %}", Guardrail("searches_per_order", 0.011)),
        ("{absolute_margin: 0.3}", Guardrail("searches_per_order", 0.3, is_relative=False)),
    ],
)
def test_margins_are_relative_or_in_the_unit_of_the_metric(margin: str, expected: Guardrail) -> None:
    assert experiment(REGISTRY.replace("{margin: 2%}", margin)).guardrails[0] == expected


def test_without_a_catalogue_names_are_not_checked() -> None:
    found = parse_registry(REGISTRY.replace("revenue_per_user", "unknown")).get("search/new-ranking")
    assert found is not None
    assert found.goals == ("purchase", "unknown")


def test_the_shipped_examples_are_valid() -> None:
    assert load_registry(None, catalogue()).experiments == {}


MARGIN = "a share of the control's value such as 2%, or percentage points of a proportion such as 1pp, from 0 to 100"


@pytest.mark.parametrize(
    ("find", "replace", "line", "message"),
    [
        (
            "revenue_per_user",
            "reveneu_per_user",
            3,
            (
                "experiment 'search/new-ranking' uses metric 'reveneu_per_user', which the catalogue does not have: "
                "the nearest: revenue_per_user"
            ),
        ),
        (
            "second_week:",
            "margins:",
            6,
            (
                "experiment 'search/new-ranking' uses metric 'margins', which the catalogue does not have: "
                "there are purchase, revenue_per_user, searches_per_order, second_week"
            ),
        ),
        (
            "second_week:",
            "purchase:",
            6,
            "experiment 'search/new-ranking': metric 'purchase' is a goal and a guardrail",
        ),
        ("revenue_per_user]", "purchase]", 3, "'purchase' appears twice in goals"),
        ("[purchase, revenue_per_user]", "[]", 3, "experiment 'search/new-ranking' needs at least one goal"),
        ("[purchase, revenue_per_user]", "purchase", 3, "goals must be a list"),
        ("second_week:", "searches_per_order:", 6, "key 'searches_per_order' appears twice in guardrails"),
        ("{margin: 2%}", "{}", 5, "guardrail 'searches_per_order' needs one margin, e.g. {margin: 2%}"),
        ("{margin: 2%}", "", 5, "guardrail 'searches_per_order' needs one margin, e.g. {margin: 2%}"),
        ("{margin: 2%}", "2%", 5, "guardrail 'searches_per_order' needs one margin, e.g. {margin: 2%}"),
        (
            "{margin: 2%}",
            "{margin: 2%, absolute_margin: 1}",
            5,
            "guardrail 'searches_per_order' needs one margin, e.g. {margin: 2%}",
        ),
        (
            "{margin: 2%}",
            "{margins: 2%}",
            5,
            "unknown key 'margins' in guardrail 'searches_per_order': allowed are margin, absolute_margin",
        ),
        ("2%", "0.02", 5, f"'0.02': must be {MARGIN}"),
        ("2%", "0%", 5, f"'0%': must be {MARGIN}"),
        ("2%", "-2%", 5, f"'-2%': must be {MARGIN}"),
        ("2%", "100%", 5, f"'100%': must be {MARGIN}"),
        ("2%", "nan%", 5, f"'nan%': must be {MARGIN}"),
        (
            "2%",
            "1pp",
            5,
            (
                "guardrail 'searches_per_order' is no proportion: "
                "its margin is relative such as 2%, or an absolute_margin in its unit"
            ),
        ),
        ("margin: 2%", "absolute_margin: inf", 5, "'inf': must be a number above zero, in the metric's unit"),
        ("margin: 2%", "absolute_margin: 0", 5, "'0': must be a number above zero, in the metric's unit"),
        (
            "margin: 1pp",
            "absolute_margin: 0.01",
            6,
            (
                "guardrail 'second_week' is a proportion: "
                "its absolute margin is in percentage points, such as {margin: 1pp}"
            ),
        ),
        (
            "device]",
            "devise]",
            7,
            "experiment 'search/new-ranking': unknown segment column 'devise': the nearest: device",
        ),
        (
            "device]",
            "country]",
            7,
            "experiment 'search/new-ranking': unknown segment column 'country': there are site, device",
        ),
        (
            "device]",
            "price]",
            7,
            "experiment 'search/new-ranking': column 'price' is a number: a segment is a text",
        ),
        ("device]", "site]", 7, "'site' appears twice in segments"),
    ],
)
def test_a_mistake_is_one_line(find: str, replace: str, line: int, message: str) -> None:
    assert find in REGISTRY
    with pytest.raises(RegistryError) as caught:
        experiment(REGISTRY.replace(find, replace, 1))
    assert str(caught.value) == f"team.yaml line {line}: {message}"


def test_a_metric_that_an_experiment_uses_cannot_be_removed() -> None:
    without = METRICS.replace("  second_week: {type: retention, from: 7d, to: 14d}\n", "")
    assert without != METRICS
    with pytest.raises(RegistryError) as caught:
        parse_registry(REGISTRY, "team.yaml", catalogue(without))
    assert str(caught.value) == (
        "team.yaml line 6: experiment 'search/new-ranking' uses metric 'second_week', which the catalogue does not "
        "have: there are purchase, revenue_per_user, searches_per_order"
    )
