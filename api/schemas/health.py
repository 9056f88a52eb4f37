"""Bodies about the service itself."""

from typing import Literal

from pydantic import BaseModel

__all__ = [
    "HealthBody",
    "LivenessBody",
    "QueueBody",
    "SlotsBody",
    "VersionBody",
    "WorkerBody",
    "WorkerHealthBody",
]


class LivenessBody(BaseModel):
    """Whether it lives, or may get work."""

    status: Literal["ok", "unavailable"]


class HealthBody(BaseModel):
    """`degraded`: no worker asks for work. `unhealthy`: Temporal does not answer."""

    status: Literal["healthy", "degraded", "unhealthy"]
    temporal: bool
    workers: int
    active_deployments: int
    backlog: int


class VersionBody(BaseModel):
    """Which release answers."""

    version: str


class SlotsBody(BaseModel):
    """How many tasks of one kind a worker has in hand, and how many more it would take."""

    used: int
    free: int


class WorkerBody(BaseModel):
    """One worker on one task queue; `silent` has not reported itself for 30 s."""

    identity: str
    host: str
    process_id: str
    queue: str
    status: Literal["running", "stopping", "silent"]
    version: str
    sdk_version: str
    started_at: str
    seen_at: str
    workflows: SlotsBody
    activities: SlotsBody


class QueueBody(BaseModel):
    """Tasks that wait in a task queue, about, and for how long the oldest has."""

    name: str
    kind: str
    backlog: int
    backlog_age_seconds: float


class WorkerHealthBody(BaseModel):
    """`degraded`: no worker runs. `running_segments` counts terraform runs of all hosts."""

    status: Literal["healthy", "degraded"]
    workers: list[WorkerBody]
    queues: list[QueueBody]
    running_segments: int
