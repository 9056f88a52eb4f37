"""Heartbeats and completes an activity attempt, in the activity or by task token alone."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import timedelta

from temporalio import activity
from temporalio.client import (
    AsyncActivityCancelledError,
    AsyncActivityHandle,
    Client,
    WorkflowExecutionStatus,
)

from adapters.temporal.client import described, translated
from deployments.errors import AttemptGone
from deployments.execution import WorkflowState
from deployments.step import ActivityToken, Resource, StepResult
from deployments.temporal_names import Signal

__all__ = ["TemporalActivityAttempts"]

# Less than the 10 s after which another worker takes over the claim of a silent worker.
_RPC = timedelta(seconds=3)


class TokenHeartbeat:
    """An attempt of another worker, addressed by task token; Temporal accepts both calls (tried).

    Calls raise `AttemptGone` when the attempt has ended, else `TemporalUnavailable`.
    """

    # A re-attached step may receive a cancel by the answer to a heartbeat alone.
    acknowledge_seconds = 1.0

    def __init__(self, handle: AsyncActivityHandle) -> None:
        self._handle = handle

    def beat(self, detail: str) -> None:
        """Do nothing: outside an activity every heartbeat is acknowledged."""

    async def acknowledge(self, detail: str) -> bool:
        """Send a heartbeat; return False if the answer requests a cancel."""
        try:
            with _translated(by_token=True):
                await self._handle.heartbeat(detail, rpc_timeout=_RPC)
        except AsyncActivityCancelledError as cancelled:
            # After an operator's pause or reset terraform continues: no apply may end half-way.
            return not (cancelled.details and cancelled.details.cancel_requested)
        return True

    async def complete(self, result: StepResult) -> None:
        """Complete the attempt."""
        with _translated(by_token=True):
            await self._handle.complete(result, rpc_timeout=_RPC)


class ActivityHeartbeat(TokenHeartbeat):
    """An attempt that runs in this worker.

    Both kinds of heartbeat are needed: the worker's own timer drops an activity that heartbeats
    by token only, and only the answer to a heartbeat by token acknowledges (both measured).
    """

    # A lease is 300 s.
    acknowledge_seconds = 10.0

    def beat(self, detail: str) -> None:
        """Record a heartbeat; must be called in the activity's context."""
        if activity.in_activity():
            activity.heartbeat(detail)

    async def complete(self, result: StepResult) -> None:
        """Do nothing: the activity returns the result."""


class TemporalActivityAttempts:
    """The activity attempts of a namespace."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def heartbeat(self, activity_token: ActivityToken) -> TokenHeartbeat:
        """Address an attempt by task token."""
        return TokenHeartbeat(
            self._client.get_async_activity_handle(task_token=activity_token.token)
        )

    def in_activity(self, activity_token: ActivityToken) -> ActivityHeartbeat:
        """Address an attempt that runs in this worker."""
        return ActivityHeartbeat(
            self._client.get_async_activity_handle(task_token=activity_token.token)
        )

    async def is_pending(self, activity_token: ActivityToken, activity_id: str) -> bool:
        """Whether the workflow run is open and waits for this activity."""
        description = await described(
            self._client, activity_token.workflow_id, activity_token.run_id, rpc_timeout=_RPC
        )
        # Temporal describes a terminated workflow with the activities left open (measured).
        if description is None or description.status is not WorkflowExecutionStatus.RUNNING:
            return False
        pending = description.raw_description.pending_activities
        return any(pending_activity.activity_id == activity_id for pending_activity in pending)

    async def report_overdue(
        self, activity_token: ActivityToken, resources: Sequence[Resource]
    ) -> None:
        """Signal the resources that take far longer than usual to the workflow."""
        handle = self._client.get_workflow_handle(
            activity_token.workflow_id, run_id=activity_token.run_id
        )
        with _translated():
            await handle.signal(Signal.OVERDUE, list(resources), rpc_timeout=_RPC)

    async def workflow_state(self, workflow_id: str) -> WorkflowState:
        """Whether the newest run of a workflow is open: a reset workflow continues in a new run."""
        description = await described(self._client, workflow_id, rpc_timeout=_RPC)
        if description is None:
            return WorkflowState.UNKNOWN
        is_open = description.status is WorkflowExecutionStatus.RUNNING
        return WorkflowState.OPEN if is_open else WorkflowState.CLOSED


def _translated(*, by_token: bool = False) -> AbstractContextManager[None]:
    return translated(AttemptGone("The activity attempt has ended."), by_token=by_token)
