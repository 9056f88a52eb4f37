"""The turn of a stack: who holds it is the only one to work on the stack."""

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from deployments.temporal_names import stack_holder_id

__all__ = ["StackHolderWorkflow", "acquire_stack"]

# A turn is freed some 40 ms after its holder has ended (measured); who comes just then may wait.
_TRIES = 5
_PAUSE = timedelta(milliseconds=200)


@workflow.defn
class StackHolderWorkflow:
    """Does nothing; that it runs is the turn.

    A child of the deployment that holds the turn, with the id `turn-<stack>`. The server ends it
    with its parent however the parent ends, so no crash and no `terminate` keeps a turn.
    """

    @workflow.run
    async def run(self) -> None:
        """Wait to be ended."""
        await workflow.wait_condition(lambda: False)


async def acquire_stack(stack: str) -> bool:
    """Begin to hold a stack's turn; whether it was free."""
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
