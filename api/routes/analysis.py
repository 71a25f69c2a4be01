"""The route that analyzes counts at hand."""

from functools import lru_cache
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from abtest_lib import answers
from api import examples
from api.http.responses import documented, plain_reply, problem_doc, service_of

router = APIRouter(tags=["planning"])


class AnalyzeQuery(BaseModel):
    """Counts at hand."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    counts: Annotated[
        str,
        Field(
            description="conversions over users of 2 to 50 arms, each `NAME=CONVERSIONS/USERS`, with commas between; "
            "users are whole numbers up to 10,000,000,000",
            examples=["A=50/1000,B=70/1000"],
        ),
    ]
    control: Annotated[
        str | None,
        Field(
            description="the arm compared with; when left out `control`, else the lowest name",
            examples=["A"],
        ),
    ] = None
    split: Annotated[
        str | None,
        Field(
            description="planned shares in the order of the counts, which sum to 1; when left out an equal split",
            examples=[".5,.5"],
        ),
    ] = None


@router.get(
    "/analyze",
    summary="What counts at hand say",
    responses=documented(
        answers.Analysis,
        examples.ANALYSIS,
        cached=False,
        s429=problem_doc("Too Many Requests", 429, "too many plans at once"),
    ),
)
async def analyze(request: Request, query: Annotated[AnalyzeQuery, Query()]) -> Response:
    """Intervals, tests and posteriors of counts, and what a planned or an unplanned experiment would conclude."""
    return plain_reply(await service_of(request).planner.compute(_analyze, query))


@lru_cache(maxsize=256)
def _analyze(query: AnalyzeQuery) -> answers.Analysis:
    """Runs in the planning process: SciPy takes a second to import, and answers must not wait for it."""
    from abtest_lib.analysis.analyze import analyze as run_analysis  # noqa: PLC0415
    from abtest_lib.analysis.counts import parse_counts, parse_split  # noqa: PLC0415

    split = None if query.split is None else parse_split(query.split)
    return run_analysis(parse_counts(query.counts), query.control, split).to_dict()
