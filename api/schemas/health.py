"""Bodies about the service itself."""

from typing import Literal

from pydantic import BaseModel

__all__ = [
    "HealthBody",
    "LivenessBody",
    "QueueBody",
    "SinkBody",
    "SlotsBody",
    "VersionBody",
    "WorkerBody",
    "WorkerHealthBody",
]


class LivenessBody(BaseModel):
    """Whether it lives, or may get work."""

    status: Literal["ok", "unavailable"]


class SinkBody(BaseModel):
    """A sink of the log, over all steps that this machine's workers ship to it just now.

    `behind_lines`: events it lacks. `late_seconds`: since when it has not caught up. `position`:
    `<deployment>/<event id>` up to which it holds the log that waits longest. `error`: the last
    one, empty when it is well.
    """

    name: str
    steps: int
    position: str
    behind_lines: int
    late_seconds: float
    error: str


class HealthBody(BaseModel):
    """`degraded`: no worker asks for work, or a sink fails. `unhealthy`: Temporal does not answer.

    `sinks` has one entry for each sink that logs are shipped to, as the living workers of this
    machine say it, some seconds ago.
    """

    status: Literal["healthy", "degraded", "unhealthy"]
    temporal: bool
    workers: int
    active_deployments: int
    backlog: int
    sinks: list[SinkBody] = []


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
    """`degraded`: no worker runs. `running_steps` counts terraform runs of all hosts."""

    status: Literal["healthy", "degraded"]
    workers: list[WorkerBody]
    queues: list[QueueBody]
    running_steps: int
