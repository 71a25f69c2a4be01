"""Find the events that a catalogue counts and a lake does not have."""

from collections.abc import Collection, Iterator

from abtest_lib.errors import one_line
from abtest_lib.metrics.declarations import Catalogue, Metric
from abtest_lib.near_names import hint


def unknown_events(catalogue: Catalogue, known: Collection[str]) -> Iterator[str]:
    """Yield a line for each event name that a declared metric counts and no event has; usually it is misspelt.

    Args:
        catalogue: The catalogue.
        known: The names of all events of a lake.

    Examples:
        >>> from abtest_lib.metrics import Measure
        >>> from abtest_lib.contracts.enums import MetricType
        >>> orders = Metric("orders", MetricType.COUNT, Measure("event_name = 'BYU'"))
        >>> list(unknown_events(Catalogue({"orders": orders}), {"BUY", "SEARCH"}))
        ["metric 'orders' counts events 'BYU', and there are none yet: the nearest: BUY"]
    """
    names = set(known)
    for metric in catalogue.own:
        for event in _counted(metric):
            if event not in names:
                problem = f"metric '{metric.name}' counts events '{one_line(event, 60)}', and there are none yet"
                yield f"{problem}: {hint(event, sorted(names))}"


def _counted(metric: Metric) -> tuple[str, ...]:
    from abtest_lib.metrics.predicates import names_of_events  # noqa: PLC0415  imports sqlglot

    measures = [metric.numerator, *([] if metric.denominator is None else [metric.denominator])]
    return tuple(dict.fromkeys(name for measure in measures for name in names_of_events(measure.events)))
