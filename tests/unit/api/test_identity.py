"""What entity tags depend on besides the release."""

import pytest

from abtest_lib.contracts.enums import MetricType
from abtest_lib.metrics import PURCHASE, Catalogue, Measure, Metric
from abtest_lib.registry import Experiment, Registry
from api.store import identity
from api.store.identity import answer_dependencies

NO_METRICS = Catalogue()
EARLIER, LATER = (Registry({"a": Experiment("a", control=control)}) for control in ("1", "2"))


def test_every_declaration_counts_and_their_order_does_not() -> None:
    first, second = Experiment("a"), Experiment("b")
    hashes = {answer_dependencies(registry, NO_METRICS) for registry in (Registry(), EARLIER, LATER)}
    assert len(hashes) == 3
    assert answer_dependencies(Registry({"a": first, "b": second}), NO_METRICS) == answer_dependencies(
        Registry({"b": second, "a": first}), NO_METRICS
    )


def test_another_version_of_the_suite_is_another_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    before = answer_dependencies(EARLIER, NO_METRICS)
    assert answer_dependencies(EARLIER, NO_METRICS) == before
    monkeypatch.setattr(identity, "__version__", "another")
    assert answer_dependencies(EARLIER, NO_METRICS) != before


def test_another_unit_is_another_identity() -> None:
    def catalogue(unit: str) -> Catalogue:
        return Catalogue({PURCHASE: Metric(PURCHASE, MetricType.CONVERSION, Measure("true"), unit=unit)})

    hashes = {answer_dependencies(EARLIER, one) for one in (NO_METRICS, catalogue("buyers"), catalogue("people"))}
    assert len(hashes) == 3
