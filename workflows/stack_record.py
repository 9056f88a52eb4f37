"""A stack's record: where the state lies, in the memo of an open workflow."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from deployments.temporal_names import STACK_RECORD_WORKFLOW

__all__ = ["StackRecordWorkflow"]


@workflow.defn(name=STACK_RECORD_WORKFLOW)
class StackRecordWorkflow:
    """Retains a stack's record for as long as this workflow runs.

    A host writes a new record by a new run in place of the old, and removes a record by a
    termination. An operator who has moved a state by hand does the same.
    """

    @workflow.run
    async def run(self) -> None:
        """Wait for the termination."""
        await workflow.wait_condition(lambda: False)
