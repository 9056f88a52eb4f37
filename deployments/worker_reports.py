"""Workers and task queues as Temporal reports them."""

from dataclasses import dataclass

__all__ = ["QueueReport", "Slots", "WorkerReport"]


@dataclass(frozen=True)
class Slots:
    """Tasks of one kind that a worker executes, and how many more it accepts."""

    used: int
    free: int


@dataclass(frozen=True)
class WorkerReport:
    """A worker on a task queue; `status` is `running`, `stopping` or `silent`."""

    identity: str
    host: str
    process_id: str
    queue: str
    status: str
    version: str
    sdk_version: str
    started_at: str
    seen_at: str
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
