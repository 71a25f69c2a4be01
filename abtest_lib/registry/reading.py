"""Read the registry's YAML file node by node, so that every error names its line."""

import math
from collections.abc import Iterator, Mapping
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

import yaml

from abtest_lib.errors import RegistryError
from abtest_lib.metrics import Catalogue
from abtest_lib.registry.declarations import Allocation, Experiment, Registry
from abtest_lib.registry.metrics_reading import ExperimentMetricsReader
from abtest_lib.user_files import read_user_file
from abtest_lib.yaml_reader import NodeReader, compose, is_null

_SHARE_TOLERANCE = 1e-6
_MIN_ARMS = 2
_EXPERIMENT_KEYS = (
    "control",
    "start",
    "end",
    "planned_users",
    "minimum_effect",
    "fallback_variants",
    "allocation",
    "goals",
    "guardrails",
    "segments",
)
_ALLOCATION_KEYS = ("from", "arms")

T = TypeVar("T")


def load_registry(path: Path | None = None, catalogue: Catalogue | None = None) -> Registry:
    """Read the experiment registry.

    Args:
        path: A YAML file; None means the registry that the installation ships.
        catalogue: The metrics and event columns that an experiment may name; None leaves its names unchecked.

    Returns:
        The declared experiments.

    Raises:
        RegistryError: The file cannot be read, or holds an unknown key or an impossible value; file and line are named.

    Examples:
        >>> load_registry().get("no such experiment") is None
        True
    """
    if path is None:
        shipped = (files("conf") / "experiments.yaml").read_text(encoding="utf-8")
        return parse_registry(shipped, "conf/experiments.yaml", catalogue)
    return parse_registry(read_user_file(path, "the experiment registry", RegistryError), str(path), catalogue)


def parse_registry(text: str, place: str = "the registry", catalogue: Catalogue | None = None) -> Registry:
    """Read a registry from its text.

    Args:
        text: YAML.
        place: What errors call the file.
        catalogue: As in `load_registry`.

    Returns:
        The declared experiments.

    Raises:
        RegistryError: As `load_registry`.

    Examples:
        >>> split = '{experiments: {"search/a": {allocation: [{arms: {A: 0.5, B: 0.5}}]}}}'
        >>> parse_registry(split).get("search/a").allocations[0].shares
        {'A': 0.5, 'B': 0.5}
    """
    return _Reader(place, catalogue).registry(compose(text, place, RegistryError))


class _Reader(NodeReader):
    """Make declarations from nodes."""

    def __init__(self, place: str, catalogue: Catalogue | None) -> None:
        super().__init__(place, RegistryError)
        self._metrics = ExperimentMetricsReader(place, catalogue)

    def registry(self, root: yaml.Node | None) -> Registry:
        if root is None or is_null(root):
            return Registry()
        listed = self.keys(root, ("experiments",), "the registry").get("experiments")
        if listed is None:
            return Registry()
        return Registry(
            {key.value: self._experiment(key.value, value) for key, value in self.pairs(listed, "experiments")}
        )

    def _experiment(self, name: str, node: yaml.Node) -> Experiment:
        given = self.keys(node, _EXPERIMENT_KEYS, f"experiment '{name}'") if not is_null(node) else {}
        goals = self._metrics.goals(given.get("goals"), name)
        start = self.scalar(given.get("start"), _as_date, "a date such as 2021-08-01")
        experiment = Experiment(
            name=name,
            control=self.scalar(given.get("control"), _as_name, "a variant"),
            start=start,
            end=self.scalar(given.get("end"), _as_date, "a date such as 2021-08-28"),
            planned_users=self.scalar(given.get("planned_users"), _as_count, "a whole number above zero"),
            minimum_effect=self.scalar(given.get("minimum_effect"), _as_effect, "a ratio above zero, 0.02 for 2 %"),
            fallback_variants=tuple(self._names(given.get("fallback_variants"), "fallback_variants")),
            allocations=tuple(self._allocations(given.get("allocation"), start)),
            goals=goals,
            guardrails=self._metrics.guardrails(given.get("guardrails"), name, goals),
            segments=self._metrics.segments(given.get("segments"), name),
        )
        self._check_dates(experiment, given)
        self._check_arms(experiment, given)
        return experiment

    def _allocations(self, node: yaml.Node | None, start: date | None) -> Iterator[Allocation]:
        previous = start
        for position, entry in enumerate(self.items(node, "allocation")):
            given = self.keys(entry, _ALLOCATION_KEYS, "an allocation")
            starts = self.scalar(given.get("from"), _as_date, "a date such as 2021-08-01")
            if position == 0:
                if start is not None and starts is not None and starts != start:
                    raise self.fail(given["from"], f"the first allocation is from {starts}, but start is {start}")
                starts = starts or start
            elif starts is None or (previous is not None and starts <= previous):
                where = given.get("from", entry)
                raise self.fail(where, f"allocation from {starts}: must have a date after the one before, {previous}")
            if "arms" not in given:
                raise self.fail(entry, "an allocation needs arms, e.g. {A: 0.5, B: 0.5}")
            yield Allocation(starts, self._shares(given["arms"]))
            previous = starts

    def _shares(self, node: yaml.Node) -> tuple[tuple[str, float], ...]:
        entries = tuple(
            (key.value, self.scalar(value, _as_share, "a share between 0 and 1") or 0.0)
            for key, value in self.pairs(node, "arms")
        )
        total = math.fsum(share for _, share in entries)
        if len(entries) < _MIN_ARMS:
            raise self.fail(node, f"{len(entries)} arm in the allocation: at least two are needed")
        if any(share <= 0 for _, share in entries):
            raise self.fail(node, "an arm without a share: every share must be above 0")
        if abs(total - 1) > _SHARE_TOLERANCE:
            raise self.fail(node, f"the shares sum to {total:.6g}: they must sum to 1")
        return tuple((arm, share / total) for arm, share in entries)

    def _check_dates(self, experiment: Experiment, given: Mapping[str, yaml.Node]) -> None:
        splits = [split.starts for split in experiment.allocations if split.starts is not None]
        first = experiment.start or (splits[0] if splits else None)
        last = splits[-1] if splits else first
        if experiment.end is not None and last is not None and experiment.end < last:
            raise self.fail(given["end"], f"end is {experiment.end}: must not be before {last}")

    def _check_arms(self, experiment: Experiment, given: Mapping[str, yaml.Node]) -> None:
        control, fallback = experiment.control, set(experiment.fallback_variants)
        if control is not None and control in fallback:
            raise self.fail(given["control"], f"control '{control}' is a fallback variant: it cannot be both")
        for split in experiment.allocations:
            if control is not None and control not in split.arms:
                arms = ", ".join(split.arms)
                raise self.fail(
                    given["control"], f"control '{control}' has no share in the allocation: its arms are {arms}"
                )
            both = sorted(fallback.intersection(split.arms))
            if both:
                raise self.fail(
                    given["fallback_variants"], f"fallback variant '{both[0]}' has a share: it cannot be an arm"
                )

    def _names(self, node: yaml.Node | None, owner: str) -> Iterator[str]:
        for item in self.items(node, owner):
            yield self.scalar(item, _as_name, "a variant") or ""


def _as_name(text: str) -> str:
    return _checked(text, ok=bool(text.strip()))


def _as_date(text: str) -> date:
    return date.fromisoformat(_checked(text, ok=len(text) == len("2021-08-01")))


def _as_count(text: str) -> int:
    return _checked(int(text), ok=int(text) > 0)


def _as_effect(text: str) -> float:
    return _checked(float(text), ok=0 < float(text) < math.inf)


def _as_share(text: str) -> float:
    return _checked(float(text), ok=0 <= float(text) <= 1)


def _checked(value: T, *, ok: bool) -> T:
    if not ok:
        raise ValueError
    return value
