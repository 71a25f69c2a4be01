"""Read the metrics and segments of an experiment, and check their names against the catalogue."""

import re
from decimal import Decimal

import yaml

from abtest_lib.errors import RegistryError, one_line
from abtest_lib.metrics import PURCHASE, Catalogue
from abtest_lib.near_names import hint
from abtest_lib.registry.declarations import Guardrail
from abtest_lib.yaml_reader import NodeReader

SITE = "site"
"""The column of every event that may be a segment without being declared."""

_MARGIN = re.compile(r"(?P<number>\d+(\.\d+)?) ?(?P<unit>%|pp)", re.ASCII)
_RELATIVE = "a share of the control's value such as 2%, or percentage points of a proportion such as 1pp, from 0 to 100"
_ABSOLUTE = "a number above zero, in the metric's unit"


class ExperimentMetricsReader(NodeReader):
    """Reads goals, guardrails and segments; without a catalogue names are not checked."""

    def __init__(self, place: str, catalogue: Catalogue | None) -> None:
        """Set the name of the registry in messages, and the catalogue."""
        super().__init__(place, RegistryError)
        self._catalogue = catalogue

    def goals(self, node: yaml.Node | None, experiment: str) -> tuple[str, ...]:
        """Return the goals; `purchase` without a node."""
        if node is None:
            return (PURCHASE,)
        goals = self._names(node, "goals", "a metric")
        if not goals:
            raise self.fail(node, f"experiment '{experiment}' needs at least one goal")
        for goal, item in zip(goals, self.items(node, "goals"), strict=True):
            self._check_metric(item, goal, experiment)
        return goals

    def guardrails(self, node: yaml.Node | None, experiment: str, goals: tuple[str, ...]) -> tuple[Guardrail, ...]:
        """Return the guardrails with their margins."""
        if node is None:
            return ()
        found = []
        for key, value in self.pairs(node, "guardrails"):
            self._check_metric(key, key.value, experiment)
            if key.value in goals:
                raise self.fail(key, f"experiment '{experiment}': metric '{key.value}' is a goal and a guardrail")
            found.append(self._guardrail(key, value))
        return tuple(found)

    def segments(self, node: yaml.Node | None, experiment: str) -> tuple[str, ...]:
        """Return the columns by which the results are broken down."""
        columns = self._names(node, "segments", "a column")
        if self._catalogue is None:
            return columns
        declared = self._catalogue.event_columns
        texts = [SITE, *(column for column, kind in declared.items() if kind == "string")]
        for column, item in zip(columns, self.items(node, "segments"), strict=True):
            if declared.get(column) == "double":
                raise self.fail(item, f"experiment '{experiment}': column '{column}' is a number: a segment is a text")
            if column not in texts:
                problem = f"experiment '{experiment}': unknown segment column '{one_line(column, 40)}'"
                raise self.fail(item, f"{problem}: {hint(column, texts)}")
        return columns

    def _names(self, node: yaml.Node | None, owner: str, allowed: str) -> tuple[str, ...]:
        names: list[str] = []
        for item in self.items(node, owner):
            name = self.scalar(item, str.strip, allowed)
            if not name:
                raise self.fail(item, f"an empty name in {owner}: must be {allowed}")
            if name in names:
                raise self.fail(item, f"'{one_line(name, 40)}' appears twice in {owner}")
            names.append(name)
        return tuple(names)

    def _check_metric(self, node: yaml.Node, name: str, experiment: str) -> None:
        if self._catalogue is not None and self._catalogue.get(name) is None:
            problem = f"experiment '{experiment}' uses metric '{one_line(name, 40)}', which the catalogue does not have"
            raise self.fail(node, f"{problem}: {hint(name, self._catalogue.metrics)}")

    def _guardrail(self, key: yaml.ScalarNode, node: yaml.Node) -> Guardrail:
        name = key.value
        is_mapping = isinstance(node, yaml.MappingNode)
        given = self.keys(node, ("margin", "absolute_margin"), f"guardrail '{name}'") if is_mapping else {}
        if len(given) != 1:
            raise self.fail(key, f"guardrail '{name}' needs one margin, e.g. {{margin: 2%}}")
        ((kind, value),) = given.items()
        if kind == "absolute_margin":
            self._check_proportion(value, name, wanted=False)
            return Guardrail(name, self.scalar(value, _as_absolute, _ABSOLUTE) or 0.0, is_relative=False)
        margin, unit = self.scalar(value, _as_margin, _RELATIVE) or (0.0, "")
        if unit == "pp":
            self._check_proportion(value, name, wanted=True)
        return Guardrail(name, margin, is_relative=unit == "%")

    def _check_proportion(self, node: yaml.Node, name: str, *, wanted: bool) -> None:
        metric = None if self._catalogue is None else self._catalogue.get(name)
        if metric is None or metric.is_proportion == wanted:
            return
        if wanted:
            advice = "no proportion: its margin is relative such as 2%, or an absolute_margin in its unit"
        else:
            advice = "a proportion: its absolute margin is in percentage points, such as {margin: 1pp}"
        raise self.fail(node, f"guardrail '{name}' is {advice}")


def _as_margin(text: str) -> tuple[float, str]:
    found = _MARGIN.fullmatch(text.strip())
    margin = Decimal(found["number"]).scaleb(-2) if found else Decimal(0)
    if found is None or not 0 < margin < 1:
        raise ValueError
    return float(margin), found["unit"]


def _as_absolute(text: str) -> float:
    margin = float(text)
    if not 0 < margin < float("inf"):
        raise ValueError
    return margin
