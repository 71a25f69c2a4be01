"""What the OpenAPI document and docs/api.md say of the answers."""

from pathlib import Path
from typing import Any

import pytest
from serving import TestClient

from abtest_lib.contracts import VERDICTS
from abtest_lib.verdict.rules import RULES_VERSION
from api import examples

DOCS = Path(__file__).parents[2] / "docs" / "api.md"


@pytest.fixture(scope="module")
def document(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def test_every_field_is_described(document: dict[str, Any]) -> None:
    fields = {
        f"{shape}.{name}": field
        for shape, schema in document["components"]["schemas"].items()
        for name, field in schema.get("properties", {}).items()
    }
    assert len(fields) > 200
    assert [name for name, field in fields.items() if not field.get("description")] == []


def test_every_parameter_is_described(document: dict[str, Any]) -> None:
    parameters = {
        f"{path} {parameter['name']}": parameter
        for path, operations in document["paths"].items()
        for operation in operations.values()
        for parameter in operation.get("parameters", [])
    }
    assert len(parameters) > 20
    assert [name for name, parameter in parameters.items() if not parameter.get("description")] == []


def test_fields_named_like_a_column_have_the_words_of_the_contract(document: dict[str, Any]) -> None:
    shown = document["components"]["schemas"]["Verdict"]["properties"]
    meant = {column.name: column.meaning for column in VERDICTS.columns if column.name in shown}
    assert len(meant) == 13
    assert {name: shown[name]["description"] for name in meant} == meant


def test_words_of_its_own_stand_above_the_contract(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["ArmEstimate"]["properties"]["users"]["description"] == "distinct users in the arm"
    assert schemas["HistoryVariant"]["properties"]["statistic"]["description"] == "score z"
    assert schemas["HistoryVariant"]["properties"]["p_adjusted"]["description"] == "Bonferroni over the arms"


def test_days_left_out_of_a_history_are_said_to_be_all(document: dict[str, Any]) -> None:
    parameters = document["paths"]["/experiment/{experiment_name}/history"]["get"]["parameters"]
    said = {parameter["name"]: parameter["description"] for parameter in parameters}
    assert "from the experiment's first day when left out" in said["first_day"]
    assert "to the experiment's last day when left out" in said["last_day"]


def test_examples_have_the_versions_of_today() -> None:
    assert examples.VERDICT["model_version"] == RULES_VERSION
    assert f'"model_version": "{RULES_VERSION}"' in DOCS.read_text(encoding="utf-8")
