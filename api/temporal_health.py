"""How Temporal and the workers are."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, GetSystemInfoRequest
from temporalio.client import Client
from temporalio.service import RPCError

from deployments.names import SHARED_QUEUE

__all__ = ["Health", "TemporalHealth"]

# Orchestrators ask often and give up soon.
_RPC = timedelta(seconds=3)
# A poller asks anew every 60 s; Temporal remembers it for 5 minutes.
_FRESH = timedelta(seconds=90)
_ACTIVE = "WorkflowType = 'DeploymentWorkflow' AND ExecutionStatus = 'Running'"


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
        request = DescribeTaskQueueRequest(
            namespace=self._client.namespace,
            task_queue=TaskQueue(name=SHARED_QUEUE),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
            report_stats=True,
        )
        try:
            queue = await self._client.workflow_service.describe_task_queue(request, timeout=_RPC)
            active = await self._client.count_workflows(_ACTIVE, rpc_timeout=_RPC)
        except RPCError:
            return Health("unhealthy", temporal=False)
        oldest = datetime.now(UTC) - _FRESH
        workers = sum(one.last_access_time.ToDatetime(tzinfo=UTC) > oldest for one in queue.pollers)
        return Health(
            status="healthy" if workers else "degraded",
            temporal=True,
            workers=workers,
            active_deployments=active.count,
            backlog=queue.stats.approximate_backlog_count,
        )
