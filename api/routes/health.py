"""Health and version of the service."""

from dataclasses import asdict
from importlib import metadata
from typing import Any

from fastapi import APIRouter, Response

from api.dependencies import ServicesNeeded
from api.openapi import error_responses
from api.schemas.health import (
    DiskBody,
    HealthBody,
    LivenessBody,
    SinkBody,
    VersionBody,
    WorkerHealthBody,
)
from deployments.worker_reports import HostReport

__all__ = ["router"]

router = APIRouter(tags=["health"])

_UNREADY: dict[int | str, dict[str, Any]] = {
    503: {"model": LivenessBody, "description": "Temporal does not answer, or the service stops"}
}
_UNHEALTHY: dict[int | str, dict[str, Any]] = {
    503: {"model": HealthBody, "description": "Temporal does not answer"}
}


@router.get("/health/live", responses=error_responses())
async def live() -> LivenessBody:
    """200 as long as the process answers."""
    return LivenessBody(status="ok")


@router.get("/health/ready", responses={**error_responses(), **_UNREADY})
async def ready(services: ServicesNeeded, response: Response) -> LivenessBody:
    """200 when Temporal answers, else 503."""
    if services.stopping.is_set() or not await services.health.is_ready():
        response.status_code = 503
        return LivenessBody(status="unavailable")
    return LivenessBody(status="ok")


@router.get("/health", responses={**error_responses(), **_UNHEALTHY})
async def health(services: ServicesNeeded, response: Response) -> HealthBody:
    """Temporal, workers, active deployments, backlog, this machine; 503 only when unhealthy."""
    body = await services.health.check()
    sinks = await services.sinks.current() if services.sinks else []
    body.sinks = [SinkBody(**asdict(sink)) for sink in sinks]
    host = await services.host.current() if services.host else HostReport()
    body.stalled_workers, body.lost_deployments = host.stalled_workers, host.lost_deployments
    if disk := host.disk:
        body.disk = DiskBody(**asdict(disk), admits=disk.admits)
    is_full = disk is not None and not disk.admits
    has_failed_sink = any(sink.error for sink in sinks)
    if not body.temporal:
        response.status_code = 503
    elif host.stalled_workers or host.lost_deployments or has_failed_sink or is_full:
        body.status = "degraded"
    return body


@router.get("/api/worker/health", responses=error_responses("temporal_unavailable"))
async def worker_health(services: ServicesNeeded) -> WorkerHealthBody:
    """The workers with their slots, the backlog of each task queue, and the running steps."""
    return await services.health.workers()


@router.get("/api/version", responses=error_responses())
async def version() -> VersionBody:
    """The release."""
    return VersionBody(version=metadata.version("anava-deploy"))
