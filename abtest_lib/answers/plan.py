"""Answers about sample sizes."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from abtest_lib.answers.common import Count, Rule, Share, about, answer


@answer()
class PowerPoint(TypedDict):
    """What a number of users finds."""

    users_per_arm: Annotated[Count, about("users in each arm")]
    power: Annotated[Share, about("the probability of finding the lift with them")]


@answer()
class Plan(TypedDict):
    """How long an experiment must run to see an effect of a given size."""

    baseline: Annotated[Share, about("the control's conversion, a proportion")]
    lift: Annotated[float, about("the smallest relative lift worth finding")]
    arms: Annotated[Count, about("with the control")]
    alpha: Annotated[Share, about("two-sided level, shared by the arms")]
    power: Annotated[Share, about("the probability with which the lift is to be found")]
    rule: Annotated[Rule, about("judged once at the end, or daily")]
    looks: Annotated[Count, about("daily looks of the planned and the unplanned rule")]
    users_per_day: Annotated[float | None, about("of all arms together, as given")]
    users_per_arm: Annotated[Count, about("users that each arm needs")]
    users_total: Annotated[Count, about("users that all arms together need")]
    days: Annotated[Count | None, about("null without users_per_day")]
    curve: Annotated[
        list[PowerPoint], Field(description="power from no users to twice the plan; empty without `points`")
    ]
