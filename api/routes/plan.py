"""The route that plans an experiment."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated

import numpy as np
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from abtest_lib import answers
from abtest_lib.errors import UsageError
from api import examples
from api.http.responses import documented, plain_reply, problem_doc, service_of

if TYPE_CHECKING:
    from abtest_lib.stats.power import Design

router = APIRouter(tags=["planning"])
Open = Annotated[float, Field(gt=0, lt=1)]


class PlanQuery(BaseModel):
    """The parameters of a plan."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    baseline: Annotated[Open, Field(description="the control's conversion, a proportion", examples=[0.05])]
    lift: Annotated[float, Field(gt=-1, le=1_000, description="the smallest relative lift worth finding, a ratio")]
    arms: Annotated[int, Field(ge=2, le=50, description="number of arms, including the control")] = 2
    alpha: Annotated[Open, Field(description="two-sided level, shared by the arms")] = 0.05
    power: Annotated[Open, Field(description="the wanted probability of finding the lift")] = 0.8
    rule: Annotated[answers.Rule, Field(description="one look at the end, or daily looks")] = "fixed"
    looks: Annotated[int, Field(ge=1, le=60, description="daily looks of the planned and the unplanned rule")] = 28
    users_per_day: Annotated[float | None, Field(ge=0.01, le=1e12, description="users per day of all arms")] = None
    points: Annotated[int, Field(ge=0, le=40, description="number of points of the power curve")] = 0


@router.get(
    "/plan",
    summary="The users and days that an effect needs",
    responses=documented(
        answers.Plan, examples.PLAN, cached=False, s429=problem_doc("Too Many Requests", 429, "too many plans at once")
    ),
)
async def plan(request: Request, query: Annotated[PlanQuery, Query()]) -> Response:
    """Every arm gets the same number of users; the arms share the level."""
    per_arm, curve = await service_of(request).planner.compute(_work_out, query)
    total = per_arm * query.arms
    days = None if query.users_per_day is None else math.ceil(total / query.users_per_day)
    answer = answers.Plan(
        baseline=query.baseline,
        lift=query.lift,
        arms=query.arms,
        alpha=query.alpha,
        power=query.power,
        rule=query.rule,
        looks=query.looks,
        users_per_day=query.users_per_day,
        users_per_arm=per_arm,
        users_total=total,
        days=days,
        curve=curve,
    )
    return plain_reply(answer)


def _work_out(query: PlanQuery) -> tuple[int, list[answers.PowerPoint]]:
    """Return users per arm and the power curve; runs in the planning process, which caches results."""
    per_arm = _users_per_arm(query.model_copy(update={"points": 0, "users_per_day": None}))
    return per_arm, _curve(query.model_copy(update={"users_per_day": None}), per_arm)


@lru_cache(maxsize=256)
def _users_per_arm(query: PlanQuery) -> int:
    from abtest_lib.stats.power import users_per_arm  # noqa: PLC0415  SciPy takes a second to import

    with _computing():
        return users_per_arm(_design(query), query.lift)


@lru_cache(maxsize=256)
def _curve(query: PlanQuery, per_arm: int) -> list[answers.PowerPoint]:
    from abtest_lib.stats.power import find_power  # noqa: PLC0415

    design = _design(query)
    users = [max(1, round(2 * per_arm * (place + 1) / query.points)) for place in range(query.points)]
    with _computing():
        powers = [find_power(design, query.lift, number) for number in users]
    return [
        answers.PowerPoint(users_per_arm=number, power=min(1.0, max(0.0, power)))
        for number, power in zip(users, powers, strict=True)
    ]


def _design(query: PlanQuery) -> "Design":
    from abtest_lib.stats.power import Design, Rule  # noqa: PLC0415

    return Design(query.baseline, query.arms, query.power, query.alpha, Rule(query.rule), query.looks)


@contextmanager
def _computing() -> Iterator[None]:
    """Turn numerical errors of extreme numbers into a readable error."""
    try:
        with np.errstate(all="ignore"):
            yield
    except (ArithmeticError, LookupError, ValueError) as error:
        raise UsageError("no number of users can be computed: ask for less extreme numbers") from error
