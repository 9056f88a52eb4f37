"""Where all deployments stand, from Temporal's visibility."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError

from deployments.deployment import Operation, Status
from deployments.errors import TemporalUnavailable
from deployments.phase import Phase
from deployments.reasons import Reason
from deployments.status_snapshot import StatusSnapshot, effective_status
from deployments.temporal_names import Attribute, Memo

__all__ = ["TemporalStatusSnapshots"]

_RPC = timedelta(seconds=5)
_KEYS = {name: SearchAttributeKey.for_keyword(name) for name in Attribute}


class TemporalStatusSnapshots:
    """Port `Standings`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def look(self, back_seconds: float) -> Sequence[StatusSnapshot]:
        """Port `Standings`."""
        since = (datetime.now(UTC) - timedelta(seconds=back_seconds)).isoformat()
        query = (
            "WorkflowType = 'DeploymentWorkflow' AND "
            f"(ExecutionStatus = 'Running' OR CloseTime > '{since}')"
        )
        try:
            found = self._client.list_workflows(query, rpc_timeout=_RPC)
            return [await _effective_status(item) async for item in found]
        except RPCError as error:
            raise TemporalUnavailable(
                f"Temporal does not list its workflows ({error.status.name})."
            ) from None


async def _effective_status(execution: WorkflowExecution) -> StatusSnapshot:
    status, phase, reason = effective_status(
        (
            Status(_attribute(execution, Attribute.STATUS) or Status.QUEUED),
            Phase(_attribute(execution, Attribute.PHASE) or Phase.QUEUE),
            Reason(_attribute(execution, Attribute.REASON) or Reason.NONE),
        ),
        running=execution.status is WorkflowExecutionStatus.RUNNING,
        terminated=execution.status is WorkflowExecutionStatus.TERMINATED,
    )
    created = await execution.memo_value(Memo.CREATED_AT, "", type_hint=str)
    return StatusSnapshot(
        id=execution.id,
        owner=_attribute(execution, Attribute.OWNER),
        stack=_attribute(execution, Attribute.STACK),
        operation=Operation(_attribute(execution, Attribute.OPERATION) or Operation.DEPLOY),
        status=status,
        phase=phase,
        reason=reason,
        created_at=created or _time(execution.start_time),
        ended_at=_time(execution.close_time) if execution.close_time else "",
    )


def _attribute(execution: WorkflowExecution, name: Attribute) -> str:
    return execution.typed_search_attributes.get(_KEYS[name]) or ""


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
