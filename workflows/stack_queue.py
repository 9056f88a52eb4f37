"""A stack's holder: the deployment that alone may work on the stack."""

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from deployments.temporal_names import stack_holder_id

__all__ = ["StackHolderWorkflow", "acquire_stack"]

# The server frees a stack some 40 ms after the holder has ended (measured); these tries cover that.
_TRIES = 5
_PAUSE = timedelta(milliseconds=200)


@workflow.defn
class StackHolderWorkflow:
    """Marks a stack as held for as long as this workflow runs.

    The server terminates this child workflow with the deployment, however the deployment ends, so
    neither a crash nor a `terminate` leaves a stack held.
    """

    @workflow.run
    async def run(self) -> None:
        """Wait for the termination."""
        await workflow.wait_condition(lambda: False)


async def acquire_stack(stack: str) -> bool:
    """Make this deployment the holder of a stack; False when another deployment holds the stack."""
    for attempt in range(_TRIES):
        if attempt:
            await workflow.sleep(_PAUSE)
        try:
            await workflow.start_child_workflow(
                StackHolderWorkflow.run,
                id=stack_holder_id(stack),
                parent_close_policy=workflow.ParentClosePolicy.TERMINATE,
                cancellation_type=workflow.ChildWorkflowCancellationType.ABANDON,
                static_summary=f"held by {workflow.info().workflow_id}",
            )
        except WorkflowAlreadyStartedError:
            continue
        return True
    return False
