"""Writes a deployment's snapshot as search attributes and memo, and reads both back."""

from collections.abc import Collection
from dataclasses import dataclass, field

import msgspec
from temporalio.api.enums.v1 import PendingWorkflowTaskState
from temporalio.client import (
    WorkflowExecution,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
)
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from deployments.deployment import DEFAULT_TENANT, DeploymentResult, Operation, Status
from deployments.errors import RecordUnreadable
from deployments.execution import DeploymentSnapshot, effective_status, rfc3339
from deployments.phase import Phase
from deployments.reasons import Reason
from deployments.temporal_names import REPORTED_PROBLEMS, Attribute, Memo

__all__ = ["is_stuck", "memo_of", "read_execution", "search_attributes"]

_KEYS = {name: SearchAttributeKey.for_keyword(name) for name in Attribute}
_PROBLEMS = SearchAttributeKey.for_keyword_list(REPORTED_PROBLEMS)
# A worker that dies within a workflow task causes attempt 2, which waits for another worker. Two
# failures of the code cause attempt 3, 10 s after the first (tried).
_STUCK_ATTEMPT = 3
_STARTED = PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_STARTED


@dataclass(frozen=True)
class _MemoFields:
    """The fields of `Memo`, by their values."""

    request: dict[str, object] = field(default_factory=dict)
    request_sha256: str = ""
    started_at: str | None = None
    host: str | None = None
    result: DeploymentResult | None = None


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

    Raises:
        RecordUnreadable: another program wrote them.
    """
    try:
        return await _read(execution, fields)
    # The converter raises errors of many types for content that is made to break it.
    except Exception as error:
        raise RecordUnreadable(
            f"The record of {execution.id} was not written by this service."
        ) from error


async def _read(
    execution: WorkflowExecution, fields: Collection[Memo] | None
) -> DeploymentSnapshot:
    memo = await _memo(execution, fields)
    status, phase, reason = _status(execution)
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
        started_at=memo.started_at,
        ended_at=rfc3339(execution.close_time) if execution.close_time else None,
        cancel_requested=_cancel_requested(execution),
        request=memo.request,
        request_sha256=memo.request_sha256,
        host=memo.host,
        result=memo.result,
    )


async def _memo(execution: WorkflowExecution, fields: Collection[Memo] | None) -> _MemoFields:
    if fields is None:
        memo = await execution.memo()
    else:
        memo = {name.value: await execution.memo_value(name, None) for name in fields}
    written = {name: value for name, value in memo.items() if value is not None}
    # The SDK's converter inspects the type at each call, which took a quarter of a GET.
    return msgspec.convert(written, _MemoFields)


def _status(execution: WorkflowExecution) -> tuple[Status, Phase, Reason]:
    return effective_status(
        (
            Status(_attribute(execution, Attribute.STATUS, Status.QUEUED)),
            Phase(_attribute(execution, Attribute.PHASE, Phase.QUEUE)),
            Reason(_attribute(execution, Attribute.REASON, Reason.NONE)),
        ),
        running=execution.status is WorkflowExecutionStatus.RUNNING,
        terminated=execution.status is WorkflowExecutionStatus.TERMINATED,
        stuck=is_stuck(execution),
    )


def is_stuck(execution: WorkflowExecution) -> bool:
    """Whether the workflow cannot continue: its workflow task has failed at least twice in a row.

    A listed execution has the server's search attribute alone, which a server may lack.
    """
    if execution.status is not WorkflowExecutionStatus.RUNNING:
        return False
    if execution.typed_search_attributes.get(_PROBLEMS):
        return True
    if not isinstance(execution, WorkflowExecutionDescription):
        return False
    task = execution.raw_description.pending_workflow_task
    # The SDK reports the first failure alone; the server then waits until the task's timeout, in
    # the state STARTED.
    repeats = task.attempt == _STUCK_ATTEMPT - 1 and task.state == _STARTED
    return repeats or task.attempt >= _STUCK_ATTEMPT


def _attribute(execution: WorkflowExecution, name: Attribute, default: str = "") -> str:
    return execution.typed_search_attributes.get(_KEYS[name]) or default


def _cancel_requested(execution: WorkflowExecution) -> bool:
    if not isinstance(execution, WorkflowExecutionDescription):
        return False
    return execution.raw_description.workflow_extended_info.cancel_requested
