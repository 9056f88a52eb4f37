"""The plan of a deployment."""

import asyncio

from fastapi import APIRouter, Response

from api.dependencies import CurrentUser, ServicesNeeded
from api.openapi import OF_STORE, error_responses
from api.schemas.plan import PlanBody
from api.services.plan_view import plan_view
from deployments.artifacts import PLAN_JSON, ArtifactStore, left_out_because
from deployments.errors import NotFound, PlanNotReady, PlanTooLarge

__all__ = ["router"]

router = APIRouter(prefix="/api/deployment/{deployment}", tags=["plan"])

# About 10,000 resources (1,000 have 0.7 MB, measured); a decoded plan takes ten times the memory.
_MAX_PLAN_BYTES = 8 * 1024 * 1024


@router.get(
    "/plan",
    response_model=PlanBody,
    responses=error_responses(*OF_STORE, "plan_not_ready", "plan_too_large"),
)
async def get_plan(deployment: str, user: CurrentUser, services: ServicesNeeded) -> Response:
    """The changes of the plan and their reasons; a plan above 8 MiB can only be downloaded."""
    snapshot = await services.deployments.get(user, deployment)
    with services.placement.reading_artifacts(snapshot):
        plan_json = await _read(services.artifacts, snapshot.id)
    # 0.1 s for the largest plan, too long for the event loop.
    body = await asyncio.to_thread(lambda: plan_view(plan_json).model_dump_json())
    return Response(body, media_type="application/json")


async def _read(artifacts: ArtifactStore, deployment: str) -> bytes:
    try:
        content = await artifacts.open(deployment, PLAN_JSON)
    except NotFound:
        raise PlanNotReady("This deployment has no plan, or none yet.") from None
    if content.size_bytes > _MAX_PLAN_BYTES:
        raise PlanTooLarge(
            f"The plan has {content.size_bytes} bytes; the limit is {_MAX_PLAN_BYTES}."
        )
    plan_json = b"".join([chunk async for chunk in content.chunks])
    if reason := left_out_because(PLAN_JSON, plan_json):
        raise PlanTooLarge(f"The plan was left out. {reason}")
    return plan_json
