"""The route that plans an experiment."""

import math
from functools import lru_cache
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from abtest_lib.errors import UsageError
from api import examples, models
from api.replies import documented, plain_reply, service_of

router = APIRouter(tags=["planning"])
Open = Annotated[float, Field(gt=0, lt=1)]


class PlanQuery(BaseModel):
    """What an experiment is to find."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    baseline: Annotated[Open, Field(description="the control's conversion, a proportion", examples=[0.05])]
    lift: Annotated[float, Field(gt=-1, le=1_000, description="the smallest relative lift worth finding, a ratio")]
    arms: Annotated[int, Field(ge=2, le=50, description="with the control")] = 2
    alpha: Open = 0.05
    power: Open = 0.8
    rule: Annotated[models.Rule, Field(description="judged once at the end, or daily")] = "fixed"
    looks: Annotated[int, Field(ge=1, le=60, description="daily looks of the planned and the unplanned rule")] = 28
    users_per_day: Annotated[float | None, Field(gt=0, le=1e12, description="of all arms together")] = None


@router.get(
    "/plan",
    summary="How many users and days an effect needs",
    responses=documented(models.Plan, examples.PLAN, cached=False),
)
async def plan(request: Request, query: Annotated[PlanQuery, Query()]) -> Response:
    """Equally many users in each arm; the level is shared by the arms."""
    async with service_of(request).planning:
        per_arm = await run_in_threadpool(_users_per_arm, query)
    total = per_arm * query.arms
    days = None if query.users_per_day is None else math.ceil(total / query.users_per_day)
    return plain_reply({**query.model_dump(), "users_per_arm": per_arm, "users_total": total, "days": days})


@lru_cache(maxsize=256)
def _users_per_arm(query: PlanQuery) -> int:
    from abtest_lib.stats.power import Design, Rule, users_per_arm  # noqa: PLC0415  SciPy takes a second to import

    design = Design(query.baseline, query.arms, query.power, query.alpha, Rule(query.rule), query.looks)
    try:
        with np.errstate(all="ignore"):  # numbers at the edge of what doubles hold end in one of the errors below
            return users_per_arm(design, query.lift)
    except (ArithmeticError, LookupError, ValueError) as error:
        raise UsageError("no number of users can be computed: ask for less extreme numbers") from error
