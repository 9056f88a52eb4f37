"""The records of stacks, each in the memo of an open workflow, so that no retention removes it."""

from dataclasses import asdict
from datetime import timedelta

import msgspec
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy

from adapters.temporal.client import described, translated
from deployments.errors import NotFound, RecordUnreadable
from deployments.stack_record import StackRecord
from deployments.temporal_names import SHARED_QUEUE, STACK_RECORD_WORKFLOW, stack_record_id

__all__ = ["TemporalStackRecords"]

# Temporal answers in milliseconds. The activity that calls is tried again.
_RPC = timedelta(seconds=5)
_MEMO = "record"


class TemporalStackRecords:
    """The records of a namespace; without an answer the methods raise `TemporalUnavailable`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def read(self, stack: str) -> StackRecord | None:
        """Read a stack's record; None where there is none.

        Raises:
            RecordUnreadable: another program wrote the record.
        """
        description = await described(self._client, stack_record_id(stack), rpc_timeout=_RPC)
        if description is None or description.status is not WorkflowExecutionStatus.RUNNING:
            return None
        try:
            return msgspec.convert(await description.memo_value(_MEMO), StackRecord)
        # The converter raises errors of many types for content that is made to break it.
        except Exception as error:
            raise RecordUnreadable(
                f"The record of the state of {stack} was not written by this service: "
                "docs/runbooks/state-store.md."
            ) from error

    async def write(self, stack: str, record: StackRecord) -> None:
        """Write a stack's record in place of the present record."""
        with translated():
            await self._client.start_workflow(
                STACK_RECORD_WORKFLOW,
                id=stack_record_id(stack),
                task_queue=SHARED_QUEUE,
                id_conflict_policy=WorkflowIDConflictPolicy.TERMINATE_EXISTING,
                memo={_MEMO: asdict(record)},
                static_summary=f"state of {stack}: {record.location}, serial {record.serial}",
                rpc_timeout=_RPC,
            )

    async def remove(self, stack: str) -> None:
        """Remove a stack's record; a repeat changes nothing."""
        handle = self._client.get_workflow_handle(stack_record_id(stack))
        try:
            with translated(NotFound("The stack has no record.")):
                await handle.terminate("the stack has no state", rpc_timeout=_RPC)
        except NotFound:
            return
