"""The parts that several answers share, and how an answer is declared."""

from collections.abc import Callable
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar, cast, get_args

from pydantic import AfterValidator, ConfigDict, Field, GetPydanticSchema, WithJsonSchema
from pydantic.fields import FieldInfo
from pydantic_core.core_schema import literal_schema

# pydantic needs this one before Python 3.12.
from typing_extensions import TypedDict

from abtest_lib.contracts import POSTERIORS, RELEASES, TableContract, enums

T = TypeVar("T")


def about(description: str) -> FieldInfo:
    """Return the metadata that describes a field."""
    field: FieldInfo = Field(description=description)
    return field


def _one_of(values: type[StrEnum]) -> GetPydanticSchema:
    """Return the metadata of a text that is one of an enum's values."""
    return GetPydanticSchema(lambda _, __: literal_schema([value.value for value in values]))


def _is_day(text: str) -> str:
    date.fromisoformat(text)
    return text


def _is_instant(text: str) -> str:
    datetime.fromisoformat(text)
    return text


# Texts, not members: an answer is JSON, and encoding a member takes eight times as long.
Decision = Annotated[str, _one_of(enums.Decision)]
SrmStatus = Annotated[str, _one_of(enums.SrmStatus)]
Window = Annotated[str, _one_of(enums.Window)]
Role = Annotated[str, _one_of(enums.Role)]
MetricType = Annotated[str, _one_of(enums.MetricType)]
MetricRole = Annotated[str, _one_of(enums.MetricRole)]
MetricStatus = Annotated[str, _one_of(enums.MetricStatus)]
Direction = Annotated[str, _one_of(enums.Direction)]
Rule = Literal["fixed", "planned", "unplanned"]
Day = Annotated[str, AfterValidator(_is_day), WithJsonSchema({"type": "string", "format": "date"})]
Instant = Annotated[str, AfterValidator(_is_instant), WithJsonSchema({"type": "string", "format": "date-time"})]
ArmRole = Annotated[Role | None, about("null while the experiment has no verdict")]
VariantId = Annotated[int | str, about("an integer if the id is a plain number, else the text")]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


def answer(contract: TableContract | None = None) -> Callable[[T], T]:
    """Declare a TypedDict as an answer: no other keys, and every field described.

    Args:
        contract: The table whose columns the fields are; it describes the fields that have no description.

    Examples:
        >>> @answer(POSTERIORS)
        ... class Best(TypedDict):
        ...     probability_best: float
        >>> get_args(Best.__annotations__["probability_best"])[1].description
        'posterior probability that the arm has the best value'
    """
    meanings = {} if contract is None else {column.name: column.meaning for column in contract.columns}

    def declare(shape: T) -> T:
        fields = cast("Any", shape).__annotations__
        for name in meanings.keys() & fields.keys():
            if not _is_described(fields[name]):
                fields[name] = Annotated[fields[name], Field(description=meanings[name])]
        cast("Any", shape).__pydantic_config__ = ConfigDict(extra="forbid")
        return shape

    return declare


def _is_described(hint: object) -> bool:
    return any(isinstance(item, FieldInfo) and item.description for item in get_args(hint))


@answer()
class Interval(TypedDict):
    """A 95 % interval."""

    lower: Annotated[float, about("lower end")]
    upper: Annotated[float, about("upper end")]


@answer()
class Lift(TypedDict):
    """The relative difference to the control, a ratio: 0.02 is 2 % more."""

    median: Annotated[float, about("posterior median, a ratio")]
    lower: Annotated[float | None, about("lower end of the 95 % interval, a ratio")]
    upper: Annotated[float | None, about("upper end of the 95 % interval, a ratio")]


@answer(RELEASES)
class Release(TypedDict):
    """The release that an answer comes from: all gold tables of one finished run."""

    run_id: str
    published_at: Instant | None
    data_age_seconds: Annotated[Annotated[float, Field(ge=0)] | None, about("seconds since published_at")]


FromRelease = Annotated[Release, about("the release that the answer comes from")]


@answer(POSTERIORS)
class ArmEstimate(TypedDict):
    """The counts of one arm and the estimates of the model."""

    users: Annotated[Count | None, about("distinct users in the arm")]
    purchases: Annotated[Count | None, about("users who bought")]
    conversion_rate: Annotated[Share | None, about("purchases divided by users")]
    interval: Annotated[Interval | None, about("credible interval of the conversion")]
    probability_best: Share | None
    probability_beats_control: Share | None
    expected_loss: Annotated[float | None, about("conversion lost on average by choosing the arm, a proportion")]
    lift: Annotated[Lift | None, about("the relative difference to the control; null for the control")]
