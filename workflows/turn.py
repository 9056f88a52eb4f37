"""The turn of a stack: who holds it is the only one to work on the stack."""

from temporalio import workflow

__all__ = ["StackTurnWorkflow"]


@workflow.defn
class StackTurnWorkflow:
    """Does nothing; that it runs is the turn.

    A child of the deployment that holds the turn, with the id `turn-<stack>`. The server ends it
    with its parent however the parent ends, so no crash and no `terminate` keeps a turn.
    """

    @workflow.run
    async def run(self) -> None:
        """Wait to be ended."""
        await workflow.wait_condition(lambda: False)
