"""Finds out whether a forced cancel has had no effect within its time."""

from datetime import UTC, datetime, timedelta

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryReverseRequest
from temporalio.client import Client, WorkflowExecutionDescription

from adapters.temporal.clock import TemporalClock
from deployments.execution import DeploymentSnapshot
from deployments.phase import Phase
from deployments.reasons import Reason
from deployments.temporal_names import Signal
from deployments.timings import StopLadder

__all__ = ["ForcedCancels"]

_SIGNALED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
_CANCELLED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED
# A deployment that is stopped writes about 20 events until its end. A step that reports overdue
# resources all the time writes 5 in 10 s: these pages have more than half an hour of them.
_PAGE_EVENTS = 100
_MAX_PAGES = 10
# The longest `finalize_deployment` (workflows.activity_options).
_FINALIZE = timedelta(seconds=300)


class ForcedCancels:
    """Reads the time of a forced cancel from the events since the cancel.

    A worker may be away or fail, so that only the history, which the server writes, has the time.
    """

    def __init__(
        self, client: Client, clock: TemporalClock, ladder: StopLadder, rpc_timeout: timedelta
    ) -> None:
        self._client = client
        self._clock = clock
        self._limit = timedelta(seconds=ladder.forced_seconds)
        self._rpc_timeout = rpc_timeout

    async def has_no_effect(
        self, description: WorkflowExecutionDescription, snapshot: DeploymentSnapshot
    ) -> bool:
        """Whether the time of a forced cancel is over and the deployment has not ended.

        Raises RPCError. With the reason `stuck` no cancel has an effect.
        """
        is_open = snapshot.cancel_requested and not snapshot.is_terminal
        if not is_open or snapshot.reason is Reason.STUCK:
            return False
        forced_at = await self._forced_at(description)
        if forced_at is None:
            return False
        # In the last phase terraform has ended, and the host records the end.
        limit = self._limit + (_FINALIZE if snapshot.phase is Phase.FINALIZE else timedelta())
        return await self._clock.now() > forced_at + limit

    async def _forced_at(self, description: WorkflowExecutionDescription) -> datetime | None:
        """The time of the first force after the cancel, as far as the newest events contain it."""
        request = GetWorkflowExecutionHistoryReverseRequest(
            namespace=self._client.namespace,
            execution=WorkflowExecution(workflow_id=description.id, run_id=description.run_id),
            maximum_page_size=_PAGE_EVENTS,
        )
        times: list[datetime] = []
        for _ in range(_MAX_PAGES):
            page = await self._client.workflow_service.get_workflow_execution_history_reverse(
                request, timeout=self._rpc_timeout
            )
            events = page.history.events
            times += [
                event.event_time.ToDatetime(tzinfo=UTC) for event in events if _is_force(event)
            ]
            request.next_page_token = page.next_page_token
            if not page.next_page_token or any(event.event_type == _CANCELLED for event in events):
                break
        return min(times, default=None)


def _is_force(event: HistoryEvent) -> bool:
    signal = event.workflow_execution_signaled_event_attributes
    return event.event_type == _SIGNALED and signal.signal_name == Signal.FORCE_CANCEL
