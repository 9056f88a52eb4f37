"""Workers and task queues as Temporal reports them, and what a machine reports of itself."""

from dataclasses import dataclass, field
from typing import Protocol

__all__ = [
    "DiskStatus",
    "HostReport",
    "HostReports",
    "QueueReport",
    "Slots",
    "StuckDeployments",
    "WorkerReport",
]


@dataclass(frozen=True)
class Slots:
    """Tasks of one kind that a worker executes, and how many more it accepts."""

    used: int
    free: int


@dataclass(frozen=True)
class WorkerReport:
    """A worker on a task queue; `status` is `running`, `stopping` or `silent`.

    `seen_at` is the time of the last poll by Temporal's clock, None without a poll for 5 minutes;
    `started_at` is by the worker's clock, and is compared with nothing.
    """

    identity: str
    host: str
    process_id: str
    queue: str
    status: str
    version: str
    sdk_version: str
    started_at: str
    seen_at: str | None
    workflows: Slots
    activities: Slots


@dataclass(frozen=True)
class QueueReport:
    """Approximate backlog of a task queue, age of its oldest task, and number of live pollers."""

    name: str
    kind: str
    backlog: int
    backlog_age_seconds: float
    pollers: int


@dataclass(frozen=True)
class StuckDeployments:
    """The number of deployments that cannot continue, and the ids of the first of them."""

    count: int = 0
    ids: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class DiskStatus:
    """Free space of a host's disk, and the space that a new deployment needs."""

    free_bytes: int
    needed_bytes: int

    @property
    def admits(self) -> bool:
        """Whether the host admits a new deployment."""
        return self.free_bytes >= self.needed_bytes


@dataclass(frozen=True)
class HostReport:
    """What needs attention on a machine.

    `stalled_workers`: ids of the workers that live and do nothing, paused or blocked.
    `lost_deployments`: deployments that Temporal did not know, until their stack is deployed again.
    `disk`: None where the process has no disk of its own.
    """

    stalled_workers: list[str] = field(default_factory=list)
    lost_deployments: list[str] = field(default_factory=list)
    disk: DiskStatus | None = None


class HostReports(Protocol):
    """The report of the machine that this process runs on."""

    async def current(self) -> HostReport:
        """The report at this moment."""
        ...
