"""Read the catalogue's YAML file node by node, so that every error names its line."""

import math
import re
from collections.abc import Mapping
from datetime import timedelta
from importlib.resources import files
from typing import TYPE_CHECKING

import yaml

from abtest_lib.config import parse_duration
from abtest_lib.contracts.enums import Direction, MetricType
from abtest_lib.errors import MetricError, one_line
from abtest_lib.metrics.declarations import Catalogue, Measure, Metric, purchase_metric
from abtest_lib.near_names import hint
from abtest_lib.user_files import read_user_file
from abtest_lib.yaml_reader import NodeReader, compose, is_null

if TYPE_CHECKING:
    from abtest_lib.config import Settings

MOST_METRICS = 200
"""The limit of metrics in a file."""

FIXED_COLUMNS = {"event_name": "string", "item_id": "string", "site": "string"}
"""The columns that every event has and a predicate may read, with their types."""

EVERY_EVENT = "TRUE"
"""The predicate of a retention that names no events."""

_LONGEST_TIME = timedelta(days=3_650)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_WORD = re.compile(r"[\w./:|-]+")
_COMMON_KEYS = ("type", "direction", "covariate", "description", "unit")
_KEYS = {
    MetricType.CONVERSION: ("events", "window"),
    MetricType.COUNT: ("events", "window", "cap"),
    MetricType.SUM: ("events", "value", "window", "cap"),
    MetricType.RATIO: ("numerator", "denominator", "window", "cap"),
    MetricType.RETENTION: ("events", "from", "to"),
}
_NEEDED = {
    MetricType.CONVERSION: ("events",),
    MetricType.COUNT: ("events",),
    MetricType.SUM: ("events", "value"),
    MetricType.RATIO: ("numerator", "denominator"),
    MetricType.RETENTION: ("from", "to"),
}
_ALL_KEYS = (*_COMMON_KEYS, *dict.fromkeys(key for keys in _KEYS.values() for key in keys))
_TIME = "a time such as 14d, 36h or 90m, at most 3650d"
_WINDOW = "a time such as 7d, 36h or 90m, at most 3650d, or unlimited"
_CAP = "a number above zero (a percentile is no cap: it moves from day to day)"


def load_catalogue(settings: "Settings") -> Catalogue:
    """Read the metric catalogue that the settings name, or else the one of the installation.

    Args:
        settings: The settings, with the path and the declared event columns.

    Returns:
        `purchase` and the declared metrics.

    Raises:
        MetricError: The file cannot be read, or has an unknown key or an impossible value; file and line are named.

    Examples:
        >>> from abtest_lib.config import load_settings
        >>> list(load_catalogue(load_settings()).metrics)
        ['purchase']
    """
    if settings.metrics is None:
        text, place = (files("conf") / "metrics.yaml").read_text(encoding="utf-8"), "conf/metrics.yaml"
    else:
        text, place = read_user_file(settings.metrics, "the metric catalogue", MetricError), str(settings.metrics)
    return parse_catalogue(text, place, settings.event_columns, purchase_metric(settings))


def parse_catalogue(text: str, place: str, event_columns: Mapping[str, str], purchase: Metric) -> Catalogue:
    """Read a catalogue from its text.

    Args:
        text: YAML.
        place: The name of the file in errors.
        event_columns: The type, `double` or `string`, of the declared event columns by name.
        purchase: The built-in metric; its window is the default of the others.

    Returns:
        `purchase` and the declared metrics.

    Raises:
        MetricError: As `load_catalogue`.

    Examples:
        >>> from abtest_lib.config import load_settings
        >>> text = "metrics: {orders: {type: count, events: BUY}}"
        >>> catalogue = parse_catalogue(text, "an example", {}, purchase_metric(load_settings()))
        >>> catalogue.get("orders").numerator.events
        "event_name = 'BUY'"
    """
    declared = _Reader(place, event_columns, purchase).metrics(compose(text, place, MetricError))
    return Catalogue({purchase.name: purchase} | declared, dict(event_columns))


class _Reader(NodeReader):
    """Make metrics from nodes."""

    def __init__(self, place: str, event_columns: Mapping[str, str], purchase: Metric) -> None:
        super().__init__(place, MetricError)
        self._event_columns, self._purchase = event_columns, purchase
        self._columns = FIXED_COLUMNS | dict(event_columns)

    def metrics(self, root: yaml.Node | None) -> dict[str, Metric]:
        if root is None or is_null(root):
            return {}
        listed = self.keys(root, ("metrics",), "the catalogue").get("metrics")
        if listed is None:
            return {}
        entries = list(self.pairs(listed, "metrics"))
        if len(entries) > MOST_METRICS:
            raise self.fail(entries[MOST_METRICS][0], f"{len(entries)} metrics: at most {MOST_METRICS} are allowed")
        return {key.value: self._metric(key, node) for key, node in entries}

    def _metric(self, key: yaml.ScalarNode, node: yaml.Node) -> Metric:
        name = key.value
        if name == self._purchase.name:
            raise self.fail(key, f"metric '{name}' is built in: choose another name")
        if not _NAME.fullmatch(name):
            raise self.fail(
                key, f"metric '{one_line(name, 40)}': a name is a letter, then up to 63 of a-z A-Z 0-9 _ . -"
            )
        owner = f"metric '{name}'"
        given = self.keys(node, _ALL_KEYS, owner)
        kind = self.scalar(given.get("type"), MetricType, f"one of {', '.join(MetricType)}")
        if kind is None:
            raise self.fail(key, f"{owner} needs a type: one of {', '.join(MetricType)}")
        self._check_keys(key, given, kind)
        starts_after, window = self._times(given, kind, owner)
        return Metric(
            name=name,
            type=kind,
            numerator=self._numerator(given, kind, owner),
            denominator=self._measure(given["denominator"], f"{owner}, denominator")
            if "denominator" in given
            else None,
            direction=self.scalar(given.get("direction"), Direction, "up or down") or Direction.UP,
            starts_after=starts_after,
            window=window,
            cap=self.scalar(given.get("cap"), _as_cap, _CAP),
            lookback=self._lookback(given.get("covariate"), owner),
            description=self.scalar(given.get("description"), one_line, "a text") or "",
            unit=self.scalar(given.get("unit"), one_line, "a text") or "",
        )

    def _check_keys(self, key: yaml.ScalarNode, given: Mapping[str, yaml.Node], kind: MetricType) -> None:
        allowed = _COMMON_KEYS + _KEYS[kind]
        for name, node in given.items():
            if name not in allowed:
                raise self.fail(
                    node, f"metric '{key.value}': a {kind} has no '{name}': its keys are {', '.join(allowed)}"
                )
        missing = [name for name in _NEEDED[kind] if name not in given]
        if missing:
            raise self.fail(key, f"metric '{key.value}': a {kind} needs '{missing[0]}'")

    def _times(
        self, given: Mapping[str, yaml.Node], kind: MetricType, owner: str
    ) -> tuple[timedelta, timedelta | None]:
        if kind is MetricType.RETENTION:
            begin, end = (self.scalar(given[key], _as_time, _TIME) or timedelta(0) for key in ("from", "to"))
            if end <= begin:
                raise self.fail(given["to"], f"{owner}: 'to' must be later than 'from'")
            return begin, end
        if "window" not in given:
            return timedelta(0), self._purchase.window
        return timedelta(0), self.scalar(given["window"], _as_window, _WINDOW)

    def _numerator(self, given: Mapping[str, yaml.Node], kind: MetricType, owner: str) -> Measure:
        if kind is MetricType.RATIO:
            return self._measure(given["numerator"], f"{owner}, numerator")
        if "events" not in given:
            return Measure(EVERY_EVENT)
        value = given.get("value")
        return Measure(self._events(given["events"], owner), None if value is None else self._value(value, owner))

    def _measure(self, node: yaml.Node, owner: str) -> Measure:
        given = self.keys(node, ("count", "sum", "events"), owner)
        if set(given) == {"count"}:
            return Measure(self._events(given["count"], owner))
        if set(given) == {"sum", "events"}:
            return Measure(self._events(given["events"], owner), self._value(given["sum"], owner))
        raise self.fail(node, f"{owner} must be {{count: EVENTS}} or {{sum: COLUMN, events: EVENTS}}")

    def _events(self, node: yaml.Node, owner: str) -> str:
        text = (self.scalar(node, str, "an SQL predicate or the name of an event") or "").strip()
        if text in self._columns:
            raise self.fail(node, f"{owner}: '{text}' is a column: events is a predicate, or the name of an event")
        if _WORD.fullmatch(text) and text.lower() not in ("true", "false"):
            return f"event_name = '{text}'"
        from abtest_lib.metrics.predicates import read_predicate  # noqa: PLC0415  most lakes have no predicate

        try:
            return read_predicate(text, self._columns)
        except ValueError as problem:
            raise self.fail(node, f"{owner}: {problem}") from None

    def _value(self, node: yaml.Node, owner: str) -> str:
        name = self.scalar(node, str, "an event column") or ""
        if self._columns.get(name) == "string":
            raise self.fail(node, f"{owner}: column '{name}' is a text: only a column of type double can be added up")
        if name not in self._columns:
            numbers = [column for column, kind in self._event_columns.items() if kind == "double"]
            problem = f"{owner}: unknown event column '{one_line(name, 40)}'"
            raise self.fail(node, f"{problem}: {hint(name, numbers)}")
        return name

    def _lookback(self, node: yaml.Node | None, owner: str) -> timedelta | None:
        if node is None:
            return None
        given = self.keys(node, ("lookback",), f"{owner}, covariate")
        if "lookback" not in given:
            raise self.fail(node, f"{owner}: a covariate needs a lookback, e.g. {{lookback: 14d}}")
        return self.scalar(given["lookback"], _as_time, _TIME)


def _as_time(text: str) -> timedelta:
    try:
        found = parse_duration(text)
    except OverflowError:
        raise ValueError from None
    if not isinstance(found, timedelta) or not timedelta(0) < found <= _LONGEST_TIME:
        raise ValueError
    return found


def _as_window(text: str) -> timedelta | None:
    return None if text.strip() == "unlimited" else _as_time(text)


def _as_cap(text: str) -> float:
    cap = float(text)
    if not 0 < cap < math.inf:
        raise ValueError
    return cap
