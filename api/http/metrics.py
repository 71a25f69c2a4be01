"""The metrics for Prometheus."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.store.service import Service

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0)
_METHODS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}


class Metrics:
    """Counts requests; one registry per application.

    Plain prometheus_client: prometheus-fastapi-instrumentator matches every request against the routes a second time.

    Args:
        service: The service that the gauges describe.
    """

    def __init__(self, service: Service) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "abtest_api_requests", "Requests", ("method", "route", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "abtest_api_request_seconds", "Time to answer", ("route",), buckets=_BUCKETS, registry=self.registry
        )
        self._counters: dict[tuple[str, str, int], Counter] = {}
        self._timers: dict[str, Histogram] = {}
        self.registry.register(_ServiceCollector(service))

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request; the route is its template, so that there are few."""
        key = (method if method in _METHODS else "other", route, status)
        counter = self._counters.get(key)
        if counter is None:
            counter = self._counters[key] = self._requests.labels(*map(str, key))
            self._timers[route] = self._seconds.labels(route)
        counter.inc()
        self._timers[route].observe(seconds)

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)


class _ServiceCollector(Collector):
    """Gauges that are read at each request for metrics."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterable[Metric]:
        service, snapshot = self._service, self._service.snapshot
        yield GaugeMetricFamily("abtest_api_ready", "1 when the answers are current", float(not service.problems))
        yield GaugeMetricFamily("abtest_api_lake_readable", "1 when the lake can be read", float(service.lake_readable))
        if snapshot is not None:
            loaded = [file for file in snapshot.days.values() if file is not None]
            yield GaugeMetricFamily("abtest_api_data_age_seconds", "Age of the release", snapshot.age_seconds)
            yield GaugeMetricFamily("abtest_api_days", "Days of the release", len(snapshot.days))
            yield GaugeMetricFamily("abtest_api_days_loaded", "Days in the cache", len(loaded))
            yield GaugeMetricFamily("abtest_api_cache_bytes", "Size of the days", sum(file.size for file in loaded))
