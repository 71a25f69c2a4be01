"""gold/metric_to_date by brute force: plain Python over sets and dictionaries, one user and one day at a time."""

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from abtest_lib.contracts import METRIC_TO_DATE
from abtest_lib.metrics import Measure, Metric

Row = tuple[object, ...]


@dataclass(frozen=True)
class ModelEvent:
    """An event: its identity, instant, user, experiment to variant, and columns by name."""

    row_id: str
    time: datetime
    user: str
    arms: Mapping[str, str]
    columns: Mapping[str, Any]


@dataclass(frozen=True)
class Model:
    """Everything declared; `counts` repeats the SQL of each measure as a Python function."""

    metrics: Sequence[Metric]
    counts: Mapping[Measure, Callable[[Mapping[str, Any]], bool]]
    policy: str = "first"
    timezone: str = "UTC"
    fallback: Collection[str] = ()
    periods: Mapping[str, Sequence[date]] = field(default_factory=dict)
    segments: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def rows(self, events: Sequence[ModelEvent], shown: Iterable[tuple[date, str, str, date]]) -> Iterator[Row]:
        """Yield the rows of the table for the rows of gold/experiment_to_date."""
        by_user = defaultdict(list)
        for event in events:
            by_user[event.user].append(event)
        people = self._people(by_user)
        for day, experiment, variant, start in shown:
            period = self._period(experiment, day)
            there = [
                person
                for person in people
                if person.experiment == experiment and self._period(experiment, person.entered) == period
            ]
            so_far = [person for person in there if person.entered <= day]
            counted = [person for person in so_far if person.variant == variant and person.is_counted(day)]
            stayed = [person for person in so_far if person.is_counted(person.entered)]
            seen = {"all"} | {segment for person in stayed for segment in person.segments}
            for segment in sorted(seen):
                inside = [person for person in counted if segment == "all" or segment in person.segments]
                for metric in self.metrics:
                    yield self._row(day, experiment, variant, start, segment, metric, inside)

    def _period(self, experiment: str, day: date) -> int:
        return sum(start <= day for start in self.periods.get(experiment, ()))

    def _day(self, time: datetime) -> date:
        return time.astimezone(ZoneInfo(self.timezone)).date()

    def _people(self, by_user: Mapping[str, list[ModelEvent]]) -> list["_Person"]:
        people = []
        for events in by_user.values():
            first: dict[tuple[str, str], ModelEvent] = {}
            for event in sorted(events, key=lambda event: (event.time, event.row_id)):
                for pair in event.arms.items():
                    first.setdefault(pair, event)
            for experiment in {name for name, _ in first}:
                people += self._enrol(
                    experiment, {v: e for (name, v), e in first.items() if name == experiment}, events
                )
        return self._with_segments(people)

    def _enrol(self, experiment: str, first: dict[str, ModelEvent], events: list[ModelEvent]) -> list["_Person"]:
        arms = sorted((v for v in first if v not in self.fallback), key=lambda v: (first[v].time, _variant_order(v)))
        crossed = self._day(first[arms[1]].time) if len(arms) > 1 else None
        chosen = arms if self.policy == "include" else arms[:1]
        people = []
        for variant in [*chosen, *(v for v in first if v in self.fallback)]:
            entered = self._day(first[variant].time)
            leaves = self.policy == "exclude" and crossed is not None and variant not in self.fallback
            left = max(crossed, entered) if leaves and crossed is not None else None
            people.append(_Person(experiment, variant, first[variant], entered, left, events, self._day))
        return people

    def _with_segments(self, people: list["_Person"]) -> list["_Person"]:
        for experiment, columns in self.segments.items():
            members = [person for person in people if person.experiment == experiment]
            for column in columns:
                entries = defaultdict(list)
                for person in members:
                    entries[_value(person, column)].append(person.entered)
                order = sorted(
                    entries.keys() - {"none"}, key=lambda v: (min(entries[v]), -entries[v].count(min(entries[v])), v)
                )
                for person in members:
                    value = _value(person, column)
                    person.segments.append(f"{column}={value if value in [*order[:20], 'none'] else 'other'}")
        return people

    def _row(
        self,
        day: date,
        experiment: str,
        variant: str,
        start: date,
        segment: str,
        metric: Metric,
        people: list["_Person"],
    ) -> Row:
        values = [person.values(metric, day, self.counts) for person in people]
        has_y, has_c = metric.denominator is not None, metric.lookback is not None
        sums: dict[str, object] = {
            "sum_x": _sum(v.x for v in values),
            "sum_xx": _sum(v.x * v.x for v in values),
            "sum_y": _sum(v.y for v in values) if has_y else None,
            "sum_yy": _sum(v.y * v.y for v in values) if has_y else None,
            "sum_xy": _sum(v.x * v.y for v in values) if has_y else None,
            "sum_c": _sum(v.c for v in values) if has_c else None,
            "sum_cc": _sum(v.c * v.c for v in values) if has_c else None,
            "sum_xc": _sum(v.x * v.c for v in values) if has_c else None,
            "sum_yc": _sum(v.y * v.c for v in values) if has_y and has_c else None,
            "capped_users": sum(v.is_capped for v in values) if metric.cap is not None else None,
            "mature_users": (
                sum(self._day(p.start + metric.window) <= day for p in people) if metric.window is not None else None
            ),
        }
        keys = {"day": day, "experiment_name": experiment, "variant_id": variant, "metric": metric.name}
        row = keys | {"segment": segment, "period_start": start, "users": len(people)} | sums
        return tuple(row[name] for name in METRIC_TO_DATE.column_names)


@dataclass(frozen=True)
class _Values:
    x: Fraction
    y: Fraction
    c: Fraction
    is_capped: bool


@dataclass
class _Person:
    experiment: str
    variant: str
    first: ModelEvent
    entered: date
    left: date | None
    events: list[ModelEvent]
    day_of: Callable[[datetime], date]
    segments: list[str] = field(default_factory=list)

    @property
    def start(self) -> datetime:
        return self.first.time

    def is_counted(self, day: date) -> bool:
        return self.left is None or day < self.left

    def values(self, metric: Metric, day: date, counts: Mapping[Measure, Any]) -> _Values:
        total = self._total(metric, metric.numerator, day, counts)
        cap = Fraction(1) if metric.is_proportion else None if metric.cap is None else _exact(metric.cap)
        y = self._total(metric, metric.denominator, day, counts) if metric.denominator else Fraction(0)
        c = Fraction(0)
        if metric.lookback is not None:
            before = (e for e in self.events if self.start - metric.lookback <= e.time < self.start)
            c = sum((_amount(metric.numerator, e, counts) for e in before), Fraction(0))
        cut = (lambda value: value) if cap is None else (lambda value: min(value, cap))
        return _Values(cut(total), y, cut(c), metric.cap is not None and total > _exact(metric.cap))

    def _total(self, metric: Metric, measure: Measure, day: date, counts: Mapping[Measure, Any]) -> Fraction:
        inside = (
            event
            for event in self.events
            if self.day_of(event.time) <= day and event.time >= self.start + metric.starts_after
            if metric.window is None
            or event.time < self.start + metric.window
            or (event.time == self.start + metric.window and metric.type != "retention")
        )
        return sum((_amount(measure, event, counts) for event in inside), Fraction(0))


def _amount(measure: Measure, event: ModelEvent, counts: Mapping[Measure, Any]) -> Fraction:
    if not counts[measure](event.columns):
        return Fraction(0)
    value = 1 if measure.value is None else event.columns.get(measure.value)
    return Fraction(0) if value is None else _exact(value)


def _exact(value: float) -> Fraction:
    half_up = math.floor(abs(value) * 1e6 + 0.5)
    return Fraction(half_up if value >= 0 else -half_up, 1_000_000)


def _sum(values: Iterable[Fraction]) -> float:
    return float(sum(values, Fraction(0)))


def _value(person: _Person, column: str) -> str:
    value = person.first.columns.get(column)
    return "none" if value is None else str(value)


def _variant_order(variant: str) -> tuple[bool, int, str]:
    is_number = variant.isascii() and variant.isdigit()
    return (not is_number, int(variant) if is_number else 0, variant)


def events_of_bronze(rows: Iterable[Mapping[str, Any]]) -> list[ModelEvent]:
    """Make events from rows of bronze whose timestamp is in microseconds since 1970."""
    return [
        ModelEvent(
            row["row_id"],
            datetime.fromtimestamp(row["timestamp"] // 1_000_000, UTC).replace(
                microsecond=row["timestamp"] % 1_000_000
            ),
            row["user_id"],
            dict(pair.rsplit("=", 1) for pair in row["experiments"][1:-1].split(", ") if pair),
            row,
        )
        for row in rows
    ]
