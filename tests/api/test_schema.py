"""Schemathesis over the whole document: no 5xx, only documented statuses, types and shapes, invalid input refused."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance
from schemathesis.specs.openapi.schemas import OpenApiSchema
from serving import listening

ROUTES = 17
CASES = 25
SLOW_CASES = {"/plan": 8}  # a plan with daily looks takes a second or two
# A cursor must come from a page, a lift leave a proportion, a span begin before it ends, counts be possible: no schema
# says that.
JUDGED_BY_MEANING = {"/experiments", "/plan", "/analyze", "/experiment/{experiment_name}/history"}
MEANING = [positive_data_acceptance]


@pytest.fixture(scope="module")
def document(lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenApiSchema]:
    with listening(lake, tmp_path_factory.mktemp("cache")) as address:
        yield schemathesis.openapi.from_url(f"{address}/openapi.json")


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_route_keeps_its_promises(document: OpenApiSchema, mode: GenerationMode) -> None:
    tried: dict[str, int] = {}
    for operation in (found.ok() for found in document.get_all_operations()):
        if mode is GenerationMode.NEGATIVE and not any(True for _ in operation.iter_parameters()):
            continue

        cases = SLOW_CASES.get(operation.path, CASES)

        @settings(max_examples=cases, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(operation.as_strategy(generation_mode=mode))
        def holds(case: schemathesis.Case) -> None:
            tried[case.operation.path] = tried.get(case.operation.path, 0) + 1
            case.call_and_validate(excluded_checks=MEANING if case.operation.path in JUDGED_BY_MEANING else [])

        with suppress(Unsatisfiable):  # no text is an invalid name
            holds()
    assert sum(tried.values()) > CASES
    assert mode is GenerationMode.NEGATIVE or len(tried) == ROUTES
