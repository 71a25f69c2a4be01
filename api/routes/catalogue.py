"""The route of the metric catalogue."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from abtest_lib import answers
from abtest_lib.metrics import PURCHASE, Catalogue
from api import examples
from api.http.responses import documented, reply, service_of

router = APIRouter(tags=["experiments"])


@router.get(
    "/catalogue",
    summary="Every metric: what it is, and in which direction it is better",
    responses=documented(answers.MetricList, examples.CATALOGUE),
)
async def catalogue(request: Request) -> Response:
    """The metrics that the settings of this installation declare, and those of the release."""
    service = service_of(request)
    snapshot = await service.complete()
    released = snapshot.metrics
    names = sorted({*service.catalogue.metrics, *released}, key=lambda name: (name != PURCHASE, name))
    found = [_metric(name, service.catalogue, in_release=name in released) for name in names]
    return reply(request, snapshot, answers.MetricList(metrics=found, release=snapshot.release()))


def _metric(name: str, known: Catalogue, *, in_release: bool) -> answers.Metric:
    declared = known.get(name)
    return answers.Metric(
        name=name,
        type=None if declared is None else declared.type.value,
        direction=None if declared is None else declared.direction.value,
        unit=None if declared is None else declared.unit,
        description=None if declared is None else declared.description,
        in_release=in_release,
    )
