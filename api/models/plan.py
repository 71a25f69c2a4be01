"""Answers about sample sizes."""

from pydantic import Field

from api.models.common import Answer, Count, Rule, Share


class PowerPoint(Answer):
    """What a number of users finds."""

    users_per_arm: Count = Field(description="users in each arm")
    power: Share = Field(description="the probability of finding the lift with them")


class Plan(Answer):
    """How long an experiment must run to see an effect of a given size."""

    baseline: Share = Field(description="the control's conversion, a proportion")
    lift: float = Field(description="the smallest relative lift worth finding")
    arms: Count = Field(description="with the control")
    alpha: Share = Field(description="two-sided level, shared by the arms")
    power: Share = Field(description="the probability with which the lift is to be found")
    rule: Rule = Field(description="judged once at the end, or daily")
    looks: Count = Field(description="daily looks of the planned and the unplanned rule")
    users_per_arm: Count = Field(description="users that each arm needs")
    users_total: Count = Field(description="users that all arms together need")
    users_per_day: float | None = Field(description="of all arms together, as given")
    days: Count | None = Field(description="null without users_per_day")
    curve: list[PowerPoint] = Field(description="power from no users to twice the plan; empty without `points`")
