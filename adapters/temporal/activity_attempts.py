"""The tie between a step and its activity attempt: in the worker, or by its token alone."""

from collections.abc import Sequence
from datetime import timedelta

from temporalio import activity
from temporalio.client import (
    AsyncActivityCancelledError,
    AsyncActivityHandle,
    Client,
    WorkflowExecutionStatus,
)
from temporalio.service import RPCError, RPCStatusCode

from deployments.activity_token import ActivityToken
from deployments.errors import AttemptGone, TemporalUnavailable
from deployments.step import Resource, StepResult
from deployments.temporal_names import Signal

__all__ = ["ActivityHeartbeat", "TemporalActivityAttempts", "TokenHeartbeat"]

# Below the 10 s after which a silent worker's claim is taken over.
_RPC_TIMEOUT = timedelta(seconds=3)


class TokenHeartbeat:
    """An attempt that this process knows by its token only; enough to go on with it (tried)."""

    # The way by which a cancel reaches an adopted step, when nothing else does.
    acknowledge_seconds = 1.0

    def __init__(self, handle: AsyncActivityHandle) -> None:
        self._handle = handle

    def beat(self, detail: str) -> None:
        """Nothing: without a worker's activity every heartbeat is an acknowledged one."""

    async def acknowledge(self, detail: str) -> bool:
        """Port `Heartbeat`."""
        try:
            await self._handle.heartbeat(detail, rpc_timeout=_RPC_TIMEOUT)
        except AsyncActivityCancelledError as cancelled:
            # Paused or reset by an operator: terraform goes on, a half-done apply helps nobody.
            return not (cancelled.details and cancelled.details.cancel_requested)
        except RPCError as error:
            raise _translated(error) from None
        return True

    async def complete(self, result: StepResult) -> None:
        """Port `Heartbeat`."""
        try:
            await self._handle.complete(result, rpc_timeout=_RPC_TIMEOUT)
        except RPCError as error:
            raise _translated(error) from None


class ActivityHeartbeat(TokenHeartbeat):
    """An attempt that runs in this worker.

    Both ways are needed: the worker's own timer drops an activity that heartbeats by token only,
    and only the token's answer acknowledges (both measured).
    """

    # A lease is 300 s; DESIGN section 5.
    acknowledge_seconds = 10.0

    def beat(self, detail: str) -> None:
        """Port `Heartbeat`; must run in the activity's context."""
        if activity.in_activity():
            activity.heartbeat(detail)

    async def complete(self, result: StepResult) -> None:
        """Nothing: the activity returns the result."""


class TemporalActivityAttempts:
    """Port `Attempts`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def heartbeat(self, activity_token: ActivityToken) -> TokenHeartbeat:
        """Port `Attempts`; so are the public methods below."""
        return TokenHeartbeat(
            self._client.get_async_activity_handle(task_token=activity_token.token)
        )

    def in_activity(self, activity_token: ActivityToken) -> ActivityHeartbeat:
        """The tie of an attempt that runs here."""
        return ActivityHeartbeat(
            self._client.get_async_activity_handle(task_token=activity_token.token)
        )

    async def is_pending(self, activity_token: ActivityToken, activity_id: str) -> bool:
        handle = self._client.get_workflow_handle(
            activity_token.workflow_id, run_id=activity_token.run_id
        )
        try:
            description = await handle.describe(rpc_timeout=_RPC_TIMEOUT)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise _translated(error) from None
        # A terminated workflow is still described with the activities that it left (measured).
        if description.status is not WorkflowExecutionStatus.RUNNING:
            return False
        pending = description.raw_description.pending_activities
        return any(item.activity_id == activity_id for item in pending)

    async def report_overdue(
        self, activity_token: ActivityToken, resources: Sequence[Resource]
    ) -> None:
        handle = self._client.get_workflow_handle(
            activity_token.workflow_id, run_id=activity_token.run_id
        )
        try:
            await handle.signal(Signal.OVERDUE, list(resources), rpc_timeout=_RPC_TIMEOUT)
        except RPCError as error:
            raise _translated(error) from None

    async def has_closed(self, workflow_id: str) -> bool:
        try:
            description = await self._client.get_workflow_handle(workflow_id).describe(
                rpc_timeout=_RPC_TIMEOUT
            )
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                # Perhaps another Temporal than the one that knows it: nothing is closed for that.
                return False
            raise _translated(error) from None
        return description.status is not WorkflowExecutionStatus.RUNNING


def _translated(error: RPCError) -> AttemptGone | TemporalUnavailable:
    if error.status is RPCStatusCode.NOT_FOUND:
        return AttemptGone("Temporal does not know this attempt any more")
    return TemporalUnavailable(f"Temporal does not answer: {error.status.name}")
