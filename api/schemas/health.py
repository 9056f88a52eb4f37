"""Bodies about the service itself."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from api.schemas.fields import ErrorText, Timestamp

__all__ = [
    "DiskBody",
    "HealthBody",
    "LivenessBody",
    "QueueBody",
    "SinkBody",
    "VersionBody",
    "WorkerBody",
    "WorkerHealthBody",
]

_Workers = Annotated[int, Field(examples=[2])]
_Stuck = Annotated[list[str], Field(examples=[[]])]
_QueueName = Annotated[str, Field(examples=["anava"])]


class LivenessBody(BaseModel):
    """The liveness or readiness of this process."""

    status: Literal["ok", "unavailable"]


class SinkBody(BaseModel):
    """A log sink, over all steps that this machine's workers ship to it now.

    `behind_lines`: events that the sink lacks. `late_seconds`: the time since the sink was last
    complete. `position`: `<deployment>/<event id>` of the last stored event of the log that waits
    longest. `error`: the sink's last error, empty while the sink works.
    """

    name: Annotated[str, Field(examples=["redis"])]
    steps: Annotated[int, Field(examples=[1])]
    position: Annotated[str, Field(examples=[""])]
    behind_lines: int
    late_seconds: float
    error: ErrorText


class DiskBody(BaseModel):
    """The disk of this machine's data: with less than `needed_bytes` free no deployment begins."""

    free_bytes: Annotated[int, Field(examples=[50_000_000_000])]
    needed_bytes: Annotated[int, Field(examples=[256_000_000])]
    admits: bool


class HealthBody(BaseModel):
    """`degraded`: a worker, a sink or the disk needs attention, or a deployment is lost or stuck.

    A worker needs attention when it is stalled or none polls, the disk when it is almost full.
    `unhealthy`: Temporal does not answer. `stalled_workers`: ids of this machine's workers that
    live and do nothing, because they are paused or their event loop is blocked.
    `lost_deployments`: deployments of this machine that Temporal does not know; the next deployment
    of the same stack reports what each left, and removes the entry when it completes.
    `stuck_count`: open deployments whose workflow fails again and again; `stuck_deployments` names
    up to 20 of them.
    `sinks` has an entry for each configured sink; this machine's workers report them every few
    seconds.
    """

    status: Literal["healthy", "degraded", "unhealthy"]
    temporal: Annotated[bool, Field(examples=[True])]
    workers: _Workers
    active_deployments: Annotated[int, Field(examples=[1])]
    backlog: int
    sinks: list[SinkBody] = []
    stalled_workers: Annotated[list[str], Field(examples=[[]])] = []
    lost_deployments: Annotated[list[str], Field(examples=[[]])] = []
    disk: DiskBody | None = None
    stuck_count: int = 0
    stuck_deployments: _Stuck = []


class VersionBody(BaseModel):
    """The release of this service."""

    version: Annotated[str, Field(examples=["0.1.0"])]


class SlotsBody(BaseModel):
    """A worker's task slots of one kind."""

    used: Annotated[int, Field(examples=[1])]
    free: Annotated[int, Field(examples=[19])]


class WorkerBody(BaseModel):
    """A worker on one task queue; `silent`: no poll for 90 s, a poll takes up to 60 s.

    `seen_at`: the last poll, by Temporal's clock, null without a poll for 5 minutes. `started_at`
    is by the worker's clock.
    """

    identity: Annotated[str, Field(examples=["worker-1@host-1"])]
    host: Annotated[str, Field(examples=["host-1"])]
    process_id: Annotated[str, Field(examples=["4711"])]
    queue: _QueueName
    status: Literal["running", "stopping", "silent"]
    version: Annotated[str, Field(examples=["2ae091e5ab3afc7778d28d9f0a91bd27"])]
    sdk_version: Annotated[str, Field(examples=["1.35.0"])]
    started_at: Timestamp
    seen_at: Annotated[str | None, Field(examples=["2026-11-24T10:00:00.000Z"])]
    workflows: SlotsBody
    activities: SlotsBody


class QueueBody(BaseModel):
    """A task queue: the approximate number of waiting tasks and the age of the oldest."""

    name: _QueueName
    kind: Annotated[str, Field(examples=["workflow"])]
    backlog: int
    backlog_age_seconds: float


class WorkerHealthBody(BaseModel):
    """`degraded`: no worker runs, or a deployment is stuck.

    `running_steps` counts the terraform processes of all hosts. `stuck_count` and
    `stuck_deployments` are those of `/health`.
    """

    status: Literal["healthy", "degraded"]
    workers: list[WorkerBody]
    queues: list[QueueBody]
    running_steps: Annotated[int, Field(examples=[1])]
    stuck_count: int = 0
    stuck_deployments: _Stuck = []
