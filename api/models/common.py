"""What several answers share."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Decision = Literal["ship", "keep_control", "inconclusive", "invalid"]
Window = Literal["day", "to_date"]
Rule = Literal["fixed", "planned", "unplanned"]
Role = Literal["control", "treatment", "fallback"]
VariantId = Annotated[int | str, Field(description="an integer where the id is a plain number, else the text")]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class Answer(BaseModel):
    """The root of every shape: frozen, and nothing beyond what is declared."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Interval(Answer):
    """A 95 % interval."""

    lower: float
    upper: float


class Lift(Answer):
    """The relative difference to the control, a ratio: 0.02 is two per cent more."""

    median: float
    lower: float | None
    upper: float | None


class Release(Answer):
    """Which state of the lake an answer comes from: every gold table of one finished run."""

    run_id: str
    published_at: datetime
    data_age_seconds: Annotated[float, Field(ge=0, description="since published_at")]


class Belief(Answer):
    """Counts of one arm and what the model believes of it."""

    users: Count | None
    purchases: Count | None = Field(description="users who bought")
    conversion_rate: Share | None = Field(description="purchases over users, as counted")
    interval: Interval | None = Field(description="credible interval of the conversion")
    probability_best: Share | None
    probability_beats_control: Share | None
    expected_loss: float | None = Field(description="conversion given up by choosing the arm, a proportion")
    lift: Lift | None
