"""Every call to Temporal about deployments and their workers, for the API, the mirror, `anava up`.

Errors of Temporal leave this module as errors of `deployments.errors`.
"""

import logging
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import TaskQueueType, WorkerStatus
from temporalio.api.taskqueue.v1 import PollerInfo, TaskQueue
from temporalio.api.worker.v1 import WorkerHeartbeat, WorkerSlotsInfo
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    DescribeTaskQueueResponse,
    GetSystemInfoRequest,
    ListWorkersRequest,
)
from temporalio.client import Client, WorkflowExecution
from temporalio.common import Priority, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from adapters.encryption import InputSigner
from adapters.task_group import run_all
from adapters.temporal.acceptance import sign_input
from adapters.temporal.client import translated
from adapters.temporal.clock import TemporalClock
from adapters.temporal.executions import memo_of, read_execution, search_attributes
from adapters.temporal.forced_cancel import ForcedCancels
from adapters.temporal.queries import (
    PageCursors,
    list_query,
    open_query,
    recent_query,
    running_query,
)
from adapters.temporal.stuck import StuckDeploymentSearch
from deployments.deployment import CancelRequest
from deployments.errors import NotFound, RecordUnreadable, TemporalUnavailable
from deployments.execution import (
    Caller,
    DeploymentFilter,
    DeploymentSnapshot,
    SnapshotPage,
    rfc3339,
)
from deployments.phase import Phase
from deployments.reasons import Reason
from deployments.step_order import DeploymentInput
from deployments.subject import Subject, subject_of
from deployments.temporal_names import (
    DEPLOYMENT_WORKFLOW,
    SHARED_QUEUE,
    Memo,
    Signal,
)
from deployments.timings import StopLadder
from deployments.worker_reports import QueueReport, Slots, StuckDeployments, WorkerReport

__all__ = ["TemporalGateway"]

_log = logging.getLogger("anava.temporal")

# Temporal answers in milliseconds. After 5 s without an answer the server counts as unreachable.
_RPC = timedelta(seconds=5)
# Orchestrators send health checks every few seconds with short timeouts of their own.
_HEALTH_RPC = timedelta(seconds=3)
# The server holds a long poll for 20 s.
_LONG_POLL = timedelta(seconds=40)
# A poller polls every 60 s; Temporal lists a poller for 5 minutes after the last poll. The times in
# a worker's own report are by the worker's clock, and are not compared.
_LIVE_POLLER = timedelta(seconds=90)
_MAX_WORKERS = 1000
# The largest page that Temporal returns by default.
_MAX_PAGE = 1000
# A program may write unreadable records without end: the first suffice to find the program.
_MAX_UNREADABLE_LOGGED = 100


class TemporalGateway:
    """The deployments and workers of a namespace.

    Each method raises `TemporalUnavailable` when Temporal does not answer. A method that takes the
    id of a deployment raises `NotFound` when Temporal has no such workflow, and for a cancel also
    when the workflow is closed. `keys` authenticate the cursors of pages and the
    inputs of workflows; without keys the gateway starts no workflow that a worker accepts.
    `ladder` limits the time until a forced cancel has an effect.
    """

    def __init__(
        self,
        client: Client,
        keys: Sequence[bytes] = (),
        ladder: StopLadder = StopLadder(),  # noqa: B008 - a frozen value
    ) -> None:
        self._client = client
        self._clock = TemporalClock(client)
        self._cursors = PageCursors(keys)
        self._signer = InputSigner(keys)
        self._forced_cancels = ForcedCancels(client, self._clock, ladder, _RPC)
        self._stuck = StuckDeploymentSearch(client, _HEALTH_RPC)
        # The ids of unreadable records that are in the log.
        self._unreadable: set[str] = set()

    async def start(
        self, snapshot: DeploymentSnapshot, input: DeploymentInput, details: str
    ) -> None:
        """Sign the input and start the workflow; a repeat with the same id changes nothing.

        Args:
            snapshot: the deployment as a reader sees it until the workflow writes a status.
            input: the workflow's argument.
            details: Markdown for the Temporal Web UI.
        """
        accepted = replace(input, accepted_at=rfc3339(await self._clock.now()))
        signed = sign_input(self._client, self._signer, snapshot.id, accepted)
        try:
            with translated():
                await self._client.start_workflow(
                    DEPLOYMENT_WORKFLOW,
                    signed,
                    id=snapshot.id,
                    task_queue=SHARED_QUEUE,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    memo=memo_of(snapshot),
                    search_attributes=search_attributes(snapshot),
                    static_summary=f"{snapshot.operation} {snapshot.stack}",
                    static_details=details,
                    # The activities inherit the key: a host admits the subjects in turn (ADR 36).
                    priority=Priority(fairness_key=subject_of(snapshot.caller).key),
                    rpc_timeout=_RPC,
                )
        except WorkflowAlreadyStartedError:
            # The deployment with this id has ended: an id is never started twice.
            return

    async def read(self, deployment: str) -> DeploymentSnapshot:
        """Read a deployment with the result; raises RecordUnreadable where another wrote it."""
        with _translated():
            description = await self._client.get_workflow_handle(deployment).describe(
                rpc_timeout=_RPC
            )
            snapshot = await read_execution(description)
        try:
            without_effect = await self._forced_cancels.has_no_effect(description, snapshot)
        except (RPCError, TemporalUnavailable) as error:
            # The deployment is known, also where an authorizer refuses the history.
            _log.warning("the forced cancel of %s cannot be read: %s", deployment, error)
            return snapshot
        if not without_effect:
            return snapshot
        return replace(snapshot, reason=Reason.FORCE_CANCEL_WITHOUT_EFFECT)

    async def stuck(self) -> StuckDeployments:
        """Find the deployments whose workflow task fails again and again."""
        with translated():
            return await self._stuck.run()

    async def list_page(
        self, caller: Caller, filters: DeploymentFilter, limit: int, cursor: str | None
    ) -> SnapshotPage:
        """Read a page of the caller's readable deployments, newest first within the page.

        Temporal chooses the deployments of a page: open executions first, then by time of closing.

        Raises:
            InvalidRequest: a filter or the cursor is malformed.
        """
        query = list_query(caller, filters)
        executions = self._client.list_workflows(
            query,
            page_size=limit,
            next_page_token=self._cursors.read(query, cursor),
            rpc_timeout=_RPC,
        )
        with translated():
            await executions.fetch_next_page(page_size=limit)
        page = sorted(
            executions.current_page or [], key=lambda execution: execution.start_time, reverse=True
        )
        token = executions.next_page_token
        return SnapshotPage(
            [
                snapshot
                for execution in page
                if (snapshot := await self._readable(execution)) is not None
            ],
            self._cursors.write(query, token) if token else None,
        )

    async def list_recent(self, seconds: float) -> Sequence[DeploymentSnapshot]:
        """Read the readable deployments that are open or closed within `seconds`.

        They lack request, host and result.
        """
        fields = (Memo.STARTED_AT,)
        since = await self._clock.now() - timedelta(seconds=seconds)
        with translated():
            executions = self._client.list_workflows(recent_query(since), rpc_timeout=_RPC)
            return [
                snapshot
                async for execution in executions
                if (snapshot := await self._readable(execution, fields)) is not None
            ]

    async def _readable(
        self, execution: WorkflowExecution, fields: Collection[Memo] | None = None
    ) -> DeploymentSnapshot | None:
        """Read a listed deployment; None, with a line in the log once, if another wrote it."""
        try:
            return await read_execution(execution, fields)
        except RecordUnreadable as error:
            is_new = execution.id not in self._unreadable
            if is_new and len(self._unreadable) < _MAX_UNREADABLE_LOGGED:
                self._unreadable.add(execution.id)
                _log.warning("%s It is in no list. %s", error, error.next_step)
            return None

    async def running_ids(self) -> list[str]:
        """List the ids of all open deployments; a new one appears about 20 ms after its start."""
        with translated():
            executions = self._client.list_workflows(running_query(), rpc_timeout=_RPC)
            return [execution.id async for execution in executions]

    async def open_ids(self, subject: Subject, at_most: int) -> set[str]:
        """Ids of a subject's open deployments, at most so many."""
        executions = self._client.list_workflows(
            open_query(subject),
            limit=at_most,
            page_size=min(at_most, _MAX_PAGE),
            rpc_timeout=_RPC,
        )
        with translated():
            return {execution.id async for execution in executions}

    async def count_running(self, *phases: Phase) -> int:
        """Count open deployments, by default in any phase."""
        with translated():
            count = await self._client.count_workflows(
                running_query(*phases), rpc_timeout=_HEALTH_RPC
            )
        return count.count

    async def cancel(self, deployment: str, request: CancelRequest) -> None:
        """Request a cancel; Temporal retains the reason of the first request."""
        with _translated():
            await self._client.get_workflow_handle(deployment).cancel(
                reason=request.encode(), rpc_timeout=_RPC
            )

    async def force_cancel(self, deployment: str) -> None:
        """Send the force-cancel signal, which may cost state."""
        with _translated():
            await self._client.get_workflow_handle(deployment).signal(
                Signal.FORCE_CANCEL, rpc_timeout=_RPC
            )

    async def changes(self, deployment: str) -> AsyncGenerator[None, None]:
        """Yield once per history event, until the workflow is closed."""
        events = self._client.get_workflow_handle(deployment).fetch_history_events(
            wait_new_event=True, rpc_timeout=_LONG_POLL
        )
        with _translated():
            async for _ in events:
                yield

    async def ping(self) -> None:
        """Return when Temporal answers."""
        with translated():
            await self._client.workflow_service.get_system_info(
                GetSystemInfoRequest(), timeout=_HEALTH_RPC
            )

    async def workers(self) -> list[WorkerReport]:
        """List workers by their own reports (`ListWorkers`, server 1.29 and later)."""
        request = ListWorkersRequest(namespace=self._client.namespace, page_size=_MAX_WORKERS)
        with translated():
            response = await self._client.workflow_service.list_workers(
                request, timeout=_HEALTH_RPC
            )
        reports = [info.worker_heartbeat for info in response.workers_info]
        polls = await self._last_polls({report.task_queue for report in reports})
        live_since = await self._live_since()
        return [
            _worker_report(
                report, polls.get((report.task_queue, report.worker_identity)), live_since
            )
            for report in reports
        ]

    async def queue(self, name: str, kind: str) -> QueueReport:
        """Describe a task queue; `kind` is `workflow` or `activity`."""
        queue = await self._describe_queue(name, kind)
        live_since = await self._live_since()
        return QueueReport(
            name=name,
            kind=kind,
            backlog=queue.stats.approximate_backlog_count,
            backlog_age_seconds=queue.stats.approximate_backlog_age.ToTimedelta().total_seconds(),
            pollers=sum(_polled_at(poller) > live_since for poller in queue.pollers),
        )

    async def _live_since(self) -> datetime:
        """The time since which a live worker has polled, by Temporal's clock."""
        return await self._clock.now() - _LIVE_POLLER

    async def _last_polls(self, queues: Collection[str]) -> dict[tuple[str, str], datetime]:
        """The last poll of each worker, by task queue and identity, of the last 5 minutes."""
        kinds = [(name, kind) for name in queues for kind in ("workflow", "activity")]
        descriptions = await run_all(self._describe_queue(name, kind) for name, kind in kinds)
        polls: dict[tuple[str, str], datetime] = {}
        for (name, _), queue in zip(kinds, descriptions, strict=True):
            for poller in queue.pollers:
                key = (name, poller.identity)
                polls[key] = max(_polled_at(poller), polls.get(key, _polled_at(poller)))
        return polls

    async def _describe_queue(self, name: str, kind: str) -> DescribeTaskQueueResponse:
        request = DescribeTaskQueueRequest(
            namespace=self._client.namespace,
            task_queue=TaskQueue(name=name),
            task_queue_type=TaskQueueType.Value(f"TASK_QUEUE_TYPE_{kind.upper()}"),
            report_stats=True,
        )
        with translated():
            return await self._client.workflow_service.describe_task_queue(
                request, timeout=_HEALTH_RPC
            )


def _translated() -> AbstractContextManager[None]:
    return translated(NotFound("There is no such deployment."))


def _polled_at(poller: PollerInfo) -> datetime:
    return poller.last_access_time.ToDatetime(tzinfo=UTC)


def _worker_report(
    report: WorkerHeartbeat, polled_at: datetime | None, live_since: datetime
) -> WorkerReport:
    # This service's workers have identities of the form worker@host.
    _, _, host = report.worker_identity.partition("@")
    return WorkerReport(
        identity=report.worker_identity,
        host=host or report.host_info.host_name,
        process_id=report.host_info.process_id,
        queue=report.task_queue,
        status=_worker_status(report.status, polled_at, live_since),
        version=report.deployment_version.build_id,
        sdk_version=report.sdk_version,
        started_at=rfc3339(report.start_time.ToDatetime(tzinfo=UTC)),
        seen_at=rfc3339(polled_at) if polled_at else None,
        workflows=_slots(report.workflow_task_slots_info),
        activities=_slots(report.activity_task_slots_info),
    )


def _worker_status(
    status: WorkerStatus.ValueType, polled_at: datetime | None, live_since: datetime
) -> str:
    if polled_at is None or polled_at < live_since:
        return "silent"
    return "running" if status == WorkerStatus.WORKER_STATUS_RUNNING else "stopping"


def _slots(info: WorkerSlotsInfo) -> Slots:
    return Slots(info.current_used_slots, info.current_available_slots)
