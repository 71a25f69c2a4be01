"""A field of an answer that is named like a column of its table has the column's type and its words."""

import types
from collections.abc import Iterator
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from pydantic import TypeAdapter

from abtest_lib import answers, contracts
from abtest_lib.contracts import Column, TableContract

JSON_TYPES = {"string": str, "bigint": int, "double": float, "boolean": bool, "date": str, "timestamp": str}
TABLES = {
    answers.ArmEstimate: contracts.POSTERIORS,
    answers.PosteriorVariant: contracts.POSTERIORS,
    answers.ResultVariant: contracts.POSTERIORS,
    answers.Verdict: contracts.VERDICTS,
    answers.ExperimentSummary: contracts.VERDICTS,
    answers.HistoryVariant: contracts.COMPARISONS,
    answers.HistoryPoint: contracts.EXPERIMENT_HEALTH,
    answers.FunnelVariant: contracts.FUNNEL_DAILY,
    answers.FunnelStep: contracts.FUNNEL_DAILY,
    answers.Run: contracts.RUNS,
    answers.StrayDay: contracts.LAKE_DAILY,
    answers.Release: contracts.RELEASES,
}
OTHER_MEANING = {("HistoryVariant", "lift"), ("ResultVariant", "lift"), ("ArmEstimate", "lift")}
"""The comparison's lift is a ratio, that of an answer the posterior's median with its interval."""


def shared(shape: Any, contract: TableContract) -> Iterator[tuple[Column, Any]]:
    hints = get_type_hints(shape)
    for column in contract.columns:
        if column.name in hints and (shape.__name__, column.name) not in OTHER_MEANING:
            yield column, hints[column.name]


def json_type(column: Column) -> type:
    return list if column.type.startswith("array") else JSON_TYPES[column.type]


def members(hint: Any) -> set[Any]:
    """The plain types that a hint allows."""
    if isinstance(hint, types.UnionType) or get_origin(hint) is Union:
        return set().union(*map(members, get_args(hint)))
    return {get_origin(hint) or hint}


@pytest.mark.parametrize("shape", TABLES, ids=lambda shape: shape.__name__)
def test_types_are_those_of_the_contract(shape: Any) -> None:
    found = list(shared(shape, TABLES[shape]))
    assert found
    for column, hint in found:
        allowed = members(hint) - {types.NoneType}
        assert json_type(column) in allowed, column.name
        assert allowed <= {json_type(column), int if column.name == "winner" else json_type(column)}, column.name


@pytest.mark.parametrize("shape", [answers.Verdict, answers.PosteriorVariant, answers.Run])
def test_nullable_columns_are_nullable_fields(shape: Any) -> None:
    nullable = [(column.name, hint) for column, hint in shared(shape, TABLES[shape]) if column.nullable]
    assert nullable
    assert [name for name, hint in nullable if types.NoneType not in members(hint)] == []


def test_fields_without_words_of_their_own_have_the_columns() -> None:
    shown = TypeAdapter(answers.PosteriorVariant).json_schema()["properties"]
    assert shown["r_hat"]["description"] == "largest split R-hat of the group"
    assert shown["mean"]["description"] == "posterior mean of the conversion, a proportion"
