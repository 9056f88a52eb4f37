"""How Temporal and the workers are.

Workers report themselves to Temporal (`ListWorkers`, server 1.29 and later), with their slots.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import TaskQueueType, WorkerStatus
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.worker.v1 import WorkerHeartbeat, WorkerSlotsInfo
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    DescribeTaskQueueResponse,
    GetSystemInfoRequest,
    ListWorkersRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError

from deployments.errors import TemporalUnavailable
from deployments.phase import TERRAFORM_PHASES
from deployments.temporal_names import SHARED_QUEUE, WORKER_REPORT_SECONDS, Attribute

__all__ = ["Health", "Queue", "Slots", "TemporalHealth", "Worker", "WorkerHealth"]

# Orchestrators ask often and give up soon.
_RPC = timedelta(seconds=3)
# A poller asks anew every 60 s; Temporal remembers it for 5 minutes.
_FRESH = timedelta(seconds=90)
_ACTIVE = "WorkflowType = 'DeploymentWorkflow' AND ExecutionStatus = 'Running'"
_STEPS = " OR ".join(f"{Attribute.PHASE} = '{item}'" for item in TERRAFORM_PHASES)
# Three reports missed: it is gone, or cannot reach Temporal.
_SILENT = timedelta(seconds=3 * WORKER_REPORT_SECONDS)
_MOST_WORKERS = 1000


@dataclass(frozen=True)
class Slots:
    """How many tasks of one kind a worker has in hand, and how many more it would take."""

    used: int
    free: int


@dataclass(frozen=True)
class Worker:
    """One worker on one task queue; `status` is running, stopping or silent."""

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
class Queue:
    """Tasks that wait in a task queue, about, and for how long the oldest has."""

    name: str
    kind: str
    backlog: int
    backlog_age_seconds: float


@dataclass(frozen=True)
class WorkerHealth:
    """`status`: healthy with a running worker, degraded without one."""

    status: str
    workers: list[Worker] = field(default_factory=list)
    queues: list[Queue] = field(default_factory=list)
    running_steps: int = 0


@dataclass(frozen=True)
class Health:
    """What was found; `status` is healthy, degraded or unhealthy."""

    status: str
    temporal: bool
    workers: int = 0
    active_deployments: int = 0
    backlog: int = 0


class TemporalHealth:
    """Asks Temporal."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def is_ready(self) -> bool:
        """Whether Temporal answers."""
        try:
            await self._client.workflow_service.get_system_info(
                GetSystemInfoRequest(), timeout=_RPC
            )
        except RPCError:
            return False
        return True

    async def look(self) -> Health:
        """All of it; degraded without a worker, unhealthy without Temporal."""
        try:
            queue = await self._describe(SHARED_QUEUE, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW)
            active = await self._client.count_workflows(_ACTIVE, rpc_timeout=_RPC)
        except RPCError:
            return Health("unhealthy", temporal=False)
        oldest = datetime.now(UTC) - _FRESH
        workers = sum(
            poller.last_access_time.ToDatetime(tzinfo=UTC) > oldest for poller in queue.pollers
        )
        return Health(
            status="healthy" if workers else "degraded",
            temporal=True,
            workers=workers,
            active_deployments=active.count,
            backlog=queue.stats.approximate_backlog_count,
        )

    async def workers(self) -> WorkerHealth:
        """Every worker that Temporal heard of lately, and what waits for them.

        Raises:
            TemporalUnavailable: no answer.
        """
        request = ListWorkersRequest(namespace=self._client.namespace, page_size=_MOST_WORKERS)
        service = self._client.workflow_service
        try:
            found = await service.list_workers(request, timeout=_RPC)
            steps = await self._client.count_workflows(
                f"{_ACTIVE} AND ({_STEPS})", rpc_timeout=_RPC
            )
            workers = [_worker(item.worker_heartbeat) for item in found.workers_info]
            workers.sort(key=lambda one: (one.host, one.identity, one.queue))
            hosts = {entry.queue for entry in workers} - {SHARED_QUEUE}
            queues = await asyncio.gather(
                self._queue(SHARED_QUEUE, "workflow"),
                *(self._queue(element, "activity") for element in (SHARED_QUEUE, *sorted(hosts))),
            )
        except RPCError as error:
            raise TemporalUnavailable(
                f"Temporal does not tell of its workers ({error.status.name})."
            ) from None
        runs = any(worker.status == "running" for worker in workers)
        return WorkerHealth("healthy" if runs else "degraded", workers, queues, steps.count)

    async def _queue(self, name: str, kind: str) -> Queue:
        found = await self._describe(name, TaskQueueType.Value(f"TASK_QUEUE_TYPE_{kind.upper()}"))
        age = found.stats.approximate_backlog_age.ToTimedelta().total_seconds()
        return Queue(name, kind, found.stats.approximate_backlog_count, age)

    async def _describe(
        self, name: str, kind: TaskQueueType.ValueType
    ) -> DescribeTaskQueueResponse:
        request = DescribeTaskQueueRequest(
            namespace=self._client.namespace,
            task_queue=TaskQueue(name=name),
            task_queue_type=kind,
            report_stats=True,
        )
        return await self._client.workflow_service.describe_task_queue(request, timeout=_RPC)


def _worker(report: WorkerHeartbeat) -> Worker:
    seen = report.heartbeat_time.ToDatetime(tzinfo=UTC)
    # An identity of ours is worker@host.
    _, _, host = report.worker_identity.partition("@")
    return Worker(
        identity=report.worker_identity,
        host=host or report.host_info.host_name,
        process_id=report.host_info.process_id,
        queue=report.task_queue,
        status=_status(report.status, seen),
        version=report.deployment_version.build_id,
        sdk_version=report.sdk_version,
        started_at=_time(report.start_time.ToDatetime(tzinfo=UTC)),
        seen_at=_time(seen),
        workflows=_slots(report.workflow_task_slots_info),
        activities=_slots(report.activity_task_slots_info),
    )


def _status(status: WorkerStatus.ValueType, seen: datetime) -> str:
    if datetime.now(UTC) - seen > _SILENT:
        return "silent"
    return "running" if status == WorkerStatus.WORKER_STATUS_RUNNING else "stopping"


def _slots(info: WorkerSlotsInfo) -> Slots:
    return Slots(info.current_used_slots, info.current_available_slots)


def _time(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
