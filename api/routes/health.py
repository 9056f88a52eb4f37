"""Whether the service is well."""

from dataclasses import asdict
from importlib import metadata

from fastapi import APIRouter, Response

from api.dependencies import ServicesNeeded
from api.schemas.health import HealthBody, LivenessBody, VersionBody

__all__ = ["router"]

router = APIRouter(tags=["health"])


@router.get("/health/live")
async def live() -> LivenessBody:
    """200 as long as the process answers."""
    return LivenessBody(status="ok")


@router.get("/health/ready")
async def ready(services: ServicesNeeded, response: Response) -> LivenessBody:
    """200 when Temporal answers, else 503."""
    if services.stopping.is_set() or not await services.health.is_ready():
        response.status_code = 503
        return LivenessBody(status="unavailable")
    return LivenessBody(status="ok")


@router.get("/health")
async def health(services: ServicesNeeded, response: Response) -> HealthBody:
    """Temporal, workers, active deployments, backlog; 503 only when unhealthy."""
    found = await services.health.look()
    if not found.temporal:
        response.status_code = 503
    return HealthBody(**asdict(found))


@router.get("/api/version")
async def version() -> VersionBody:
    """The release."""
    return VersionBody(version=metadata.version("anava-deploy"))
