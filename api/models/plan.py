"""Answers about sample sizes."""

from pydantic import Field

from api.models.common import Answer, Count, Rule, Share


class PowerPoint(Answer):
    """What a number of users finds."""

    users_per_arm: Count
    power: Share


class Plan(Answer):
    """How long an experiment must run to see an effect of a given size."""

    baseline: Share
    lift: float = Field(description="the smallest relative lift worth finding")
    arms: Count = Field(description="with the control")
    alpha: Share
    power: Share
    rule: Rule = Field(description="judged once at the end, or daily")
    looks: Count = Field(description="daily looks of the planned and the unplanned rule")
    users_per_arm: Count
    users_total: Count
    users_per_day: float | None
    days: Count | None = Field(description="null without users_per_day")
    curve: list[PowerPoint] = Field(description="power from no users to twice the plan; empty without `points`")
