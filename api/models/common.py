"""What several answers share."""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from abtest_lib.contracts import POSTERIORS, RELEASES, TableContract

Decision = Literal["ship", "keep_control", "inconclusive", "invalid"]
Window = Literal["day", "to_date"]
Rule = Literal["fixed", "planned", "unplanned"]
Role = Literal["control", "treatment", "left_out", "fallback"]
ArmRole = Annotated[Role | None, Field(description="null while the experiment has no verdict")]
VariantId = Annotated[int | str, Field(description="an integer where the id is a plain number, else the text")]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class Answer(BaseModel):
    """The root of every shape: frozen, and nothing beyond what is declared.

    Attributes:
        contract: The table whose columns the fields are; the contract's words describe fields that have none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    contract: ClassVar[TableContract | None] = None

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Describe in the JSON schema what the contract describes."""
        schema = handler(core_schema)
        meanings = column_meanings(cls)
        for name, shape in handler.resolve_ref_schema(schema).get("properties", {}).items():
            if name in meanings:
                shape.setdefault("description", meanings[name])
        return schema


def column_meanings(shape: type[Answer]) -> dict[str, str]:
    """What columns mean, by name: of the contract of a shape, then of the contracts of the shapes that it extends.

    Examples:
        >>> column_meanings(Belief)["probability_best"]
        'posterior probability that the arm converts best'
    """
    contracts = (vars(parent).get("contract") for parent in reversed(shape.__mro__))
    return {column.name: column.meaning for contract in contracts if contract for column in contract.columns}


class Interval(Answer):
    """A 95 % interval."""

    lower: float = Field(description="its lower end")
    upper: float = Field(description="its upper end")


class Lift(Answer):
    """The relative difference to the control, a ratio: 0.02 is two per cent more."""

    median: float = Field(description="posterior median, a ratio")
    lower: float | None = Field(description="lower end of the 95 % interval, a ratio")
    upper: float | None = Field(description="upper end of the 95 % interval, a ratio")


class Release(Answer):
    """Which state of the lake an answer comes from: every gold table of one finished run."""

    contract = RELEASES

    run_id: str
    published_at: datetime
    data_age_seconds: Annotated[float, Field(ge=0, description="since published_at")]


FromRelease = Annotated[Release, Field(description="the release that the answer comes from")]


class Belief(Answer):
    """Counts of one arm and what the model believes of it."""

    contract = POSTERIORS

    users: Count | None = Field(description="distinct users in the arm")
    purchases: Count | None = Field(description="users who bought")
    conversion_rate: Share | None = Field(description="purchases over users, as counted")
    interval: Interval | None = Field(description="credible interval of the conversion")
    probability_best: Share | None
    probability_beats_control: Share | None
    expected_loss: float | None = Field(description="conversion given up by choosing the arm, a proportion")
    lift: Lift | None = Field(description="the relative difference to the control; null for the control")
