"""What `abtest generate --columns` adds: experiments that need more than conversion, and the metrics they name."""

from typing import Any

from abtest_lib.traffic.catalog import DEFAULT_EXPERIMENTS, PAGES, Arm, Experiment

_BUY, _SEARCH = "event_name = 'BUY'", "event_name = 'SEARCH'"

CATALOGUE: dict[str, dict[str, Any]] = {
    "orders_per_user": {"type": "count", "events": _BUY, "unit": "orders"},
    "revenue_per_user": {
        "type": "sum",
        "events": _BUY,
        "value": "price",
        "cap": 2000,
        "covariate": {"lookback": "7d"},
        "unit": "USD",
    },
    "searches_per_order": {
        "type": "ratio",
        "numerator": {"count": _SEARCH},
        "denominator": {"count": _BUY},
        "direction": "down",
    },
    "checkout": {"type": "conversion", "events": "event_name = 'CHECKOUT_1'", "window": "2d"},
    "next_days": {
        "type": "retention",
        "events": "event_name <> ''",
        "from": "1d",
        "to": "4d",
        "description": "Users who come back on one of the three days after the first",
    },
}
"""The metrics, as a catalogue file declares them."""

METRIC_EXPERIMENTS: tuple[Experiment, ...] = (
    Experiment(
        "app/one-tap",
        PAGES,
        (Arm("7201", 0.5), Arm("7202", 0.5, 0.5)),
        starts=0.5,
        planned=True,
        goals=("purchase", "revenue_per_user"),
        guardrails={"searches_per_order": "10%", "next_days": "5pp"},
        segments=("device",),
        note="gains conversion and revenue, hurts nothing: ships",
    ),
    Experiment(
        "app/coupon",
        PAGES,
        (Arm("7101", 0.5), Arm("7102", 0.5, 0.4, amount=-0.5)),
        starts=0.5,
        planned=True,
        goals=("purchase",),
        guardrails={"revenue_per_user": "5%"},
        segments=("site",),
        note="gains conversion and loses revenue: a guardrail is violated",
    ),
    Experiment(
        "app/endless-list",
        PAGES,
        (Arm("7301", 0.5), Arm("7302", 0.5, 0.3, searches=0.6, devices={"web": -0.4})),
        starts=0.5,
        planned=True,
        goals=("orders_per_user",),
        guardrails={"searches_per_order": "5%"},
        segments=("device", "site"),
        note="more searches per order, and the web loses what the apps gain",
    ),
)

EXPERIMENTS_WITH_METRICS = DEFAULT_EXPERIMENTS + METRIC_EXPERIMENTS
