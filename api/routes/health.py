"""Whether the service is well."""

from dataclasses import asdict, replace
from importlib import metadata
from typing import Any

from fastapi import APIRouter, Response

from api import examples
from api.dependencies import ServicesNeeded
from api.openapi import answers
from api.schemas.health import HealthBody, LivenessBody, SinkBody, VersionBody, WorkerHealthBody

__all__ = ["router"]

router = APIRouter(tags=["health"])

_UNREADY: dict[int | str, dict[str, Any]] = {
    503: {"model": LivenessBody, "description": "Temporal does not answer, or it is stopping"}
}
_UNHEALTHY: dict[int | str, dict[str, Any]] = {
    503: {"model": HealthBody, "description": "Temporal does not answer"}
}


@router.get("/health/live", responses=answers(examples.LIVE))
async def live() -> LivenessBody:
    """200 as long as the process answers."""
    return LivenessBody(status="ok")


@router.get("/health/ready", responses={**answers(examples.LIVE), **_UNREADY})
async def ready(services: ServicesNeeded, response: Response) -> LivenessBody:
    """200 when Temporal answers, else 503."""
    if services.stopping.is_set() or not await services.health.is_ready():
        response.status_code = 503
        return LivenessBody(status="unavailable")
    return LivenessBody(status="ok")


@router.get("/health", responses={**answers(examples.HEALTH), **_UNHEALTHY})
async def health(services: ServicesNeeded, response: Response) -> HealthBody:
    """Temporal, workers, active deployments, backlog, sinks; 503 only when unhealthy."""
    found = await services.health.look()
    sinks = await services.sinks.latest() if services.sinks else []
    if not found.temporal:
        response.status_code = 503
    elif any(sink.error for sink in sinks):
        found = replace(found, status="degraded")
    return HealthBody(**asdict(found), sinks=[SinkBody(**asdict(item)) for item in sinks])


@router.get("/api/worker/health", responses=answers(examples.WORKER_HEALTH, "temporal_unavailable"))
async def worker_health(services: ServicesNeeded) -> WorkerHealthBody:
    """Every worker with its slots, what waits for them, and how many steps run."""
    return WorkerHealthBody.model_validate(asdict(await services.health.workers()))


@router.get("/api/version", responses=answers(examples.VERSION))
async def version() -> VersionBody:
    """The release."""
    return VersionBody(version=metadata.version("anava-deploy"))
