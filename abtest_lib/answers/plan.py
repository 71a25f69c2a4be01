"""Answers about sample sizes."""

from typing import Annotated

from typing_extensions import TypedDict

from abtest_lib.answers.common import Count, Rule, Share, about, answer


@answer()
class PowerPoint(TypedDict):
    """The power with a number of users."""

    users_per_arm: Annotated[Count, about("users in each arm")]
    power: Annotated[Share, about("the probability of finding the lift")]


@answer()
class Plan(TypedDict):
    """The users and days that an experiment needs to find an effect of a given size."""

    baseline: Annotated[Share, about("the control's conversion, a proportion")]
    lift: Annotated[float, about("the smallest relative lift worth finding")]
    arms: Annotated[Count, about("number of arms, including the control")]
    alpha: Annotated[Share, about("two-sided level, shared by the arms")]
    power: Annotated[Share, about("the wanted probability of finding the lift")]
    rule: Annotated[Rule, about("one look at the end, or daily looks")]
    looks: Annotated[Count, about("number of daily looks of the planned and the unplanned rule")]
    users_per_day: Annotated[float | None, about("users per day of all arms together, as given")]
    users_per_arm: Annotated[Count, about("users that each arm needs")]
    users_total: Annotated[Count, about("users that all arms need together")]
    days: Annotated[Count | None, about("days that the experiment needs; null without users_per_day")]
    curve: Annotated[list[PowerPoint], about("power up to twice the planned users; empty without `points`")]
