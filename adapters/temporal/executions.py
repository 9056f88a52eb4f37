"""Writes a deployment's snapshot as search attributes and memo, and reads both back."""

from collections.abc import Collection

import msgspec
from temporalio.client import (
    WorkflowExecution,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
)
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from deployments.deployment import DEFAULT_TENANT, DeploymentResult, Operation, Status
from deployments.execution import DeploymentSnapshot, effective_status, rfc3339
from deployments.phase import Phase
from deployments.reasons import Reason
from deployments.temporal_names import Attribute, Memo

__all__ = ["memo_of", "read_execution", "search_attributes"]

_KEYS = {name: SearchAttributeKey.for_keyword(name) for name in Attribute}


def search_attributes(snapshot: DeploymentSnapshot) -> TypedSearchAttributes:
    """The search attributes with which a deployment starts."""
    values: dict[Attribute, str] = {
        Attribute.STATUS: snapshot.status,
        Attribute.PHASE: snapshot.phase,
        Attribute.TENANT: snapshot.tenant,
        Attribute.OWNER: snapshot.owner,
        Attribute.STACK: snapshot.stack,
        Attribute.OPERATION: snapshot.operation,
        Attribute.REASON: snapshot.reason,
    }
    return TypedSearchAttributes(
        [SearchAttributePair(_KEYS[name], str(value)) for name, value in values.items()]
    )


def memo_of(snapshot: DeploymentSnapshot) -> dict[str, object]:
    """The memo with which a deployment starts."""
    return {
        Memo.REQUEST: snapshot.request,
        Memo.REQUEST_SHA256: snapshot.request_sha256,
    }


async def read_execution(
    execution: WorkflowExecution, fields: Collection[Memo] | None = None
) -> DeploymentSnapshot:
    """Read a snapshot from the search attributes and the memo of an execution.

    Args:
        execution: listed or described; lists lack `cancel_requested`.
        fields: the memo fields to decode, by default all; a result has up to 16 KB.
    """
    if fields is None:
        memo = await execution.memo()
    else:
        memo = {name: await execution.memo_value(name, None) for name in fields}
    status, phase, reason = _status(execution)
    result = memo.get(Memo.RESULT)
    return DeploymentSnapshot(
        id=execution.id,
        tenant=_attribute(execution, Attribute.TENANT, DEFAULT_TENANT),
        owner=_attribute(execution, Attribute.OWNER),
        stack=_attribute(execution, Attribute.STACK),
        operation=Operation(_attribute(execution, Attribute.OPERATION, Operation.DEPLOY)),
        status=status,
        phase=phase,
        reason=reason,
        created_at=rfc3339(execution.start_time),
        started_at=memo.get(Memo.STARTED_AT),
        ended_at=rfc3339(execution.close_time) if execution.close_time else None,
        cancel_requested=_cancel_requested(execution),
        request=memo.get(Memo.REQUEST) or {},
        request_sha256=memo.get(Memo.REQUEST_SHA256) or "",
        host=memo.get(Memo.HOST),
        # The SDK's converter inspects the type at each call, which took a quarter of a GET.
        result=msgspec.convert(result, DeploymentResult) if result is not None else None,
    )


def _status(execution: WorkflowExecution) -> tuple[Status, Phase, Reason]:
    return effective_status(
        (
            Status(_attribute(execution, Attribute.STATUS, Status.QUEUED)),
            Phase(_attribute(execution, Attribute.PHASE, Phase.QUEUE)),
            Reason(_attribute(execution, Attribute.REASON, Reason.NONE)),
        ),
        running=execution.status is WorkflowExecutionStatus.RUNNING,
        terminated=execution.status is WorkflowExecutionStatus.TERMINATED,
    )


def _attribute(execution: WorkflowExecution, name: Attribute, default: str = "") -> str:
    return execution.typed_search_attributes.get(_KEYS[name]) or default


def _cancel_requested(execution: WorkflowExecution) -> bool:
    if not isinstance(execution, WorkflowExecutionDescription):
        return False
    return execution.raw_description.workflow_extended_info.cancel_requested
