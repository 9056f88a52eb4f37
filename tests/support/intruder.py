"""A program that reaches Temporal and is no part of the service: starts, copies, schedules."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

__all__ = ["Call", "Intrusion", "intrude", "start_raw"]

_QUEUE = "intruder"
_NO_RETRY = RetryPolicy(maximum_attempts=1)


@dataclass(frozen=True)
class Call:
    """An activity of the service with an input of the intruder's."""

    queue: str
    activity: str
    input: dict[str, Any] = field(default_factory=dict)


@workflow.defn(name="Intrusion")
class Intrusion:
    """Schedules an activity on a task queue of the service; returns the type of the failure."""

    @workflow.run
    async def run(self, call: Call) -> str:
        """Call the activity once."""
        try:
            await workflow.execute_activity(
                call.activity,
                call.input,
                task_queue=call.queue,
                start_to_close_timeout=timedelta(seconds=30),
                retry_policy=_NO_RETRY,
            )
        except ActivityError as error:
            return _type_of(error)
        return "done"


async def intrude(client: Client, calls: Sequence[tuple[str, Call]]) -> list[str]:
    """Run each call in a workflow with an id; returns how each ended."""
    async with Worker(
        client,
        task_queue=_QUEUE,
        workflows=[Intrusion],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        # In a row: an id is started again after its end.
        return [
            await client.execute_workflow(Intrusion.run, call, id=id, task_queue=_QUEUE)
            for id, call in calls
        ]


async def start_raw(client: Client, id: str, input: object) -> str:
    """Start a deployment's workflow as the command line of Temporal does; returns its reason."""
    handle = await client.start_workflow("DeploymentWorkflow", input, id=id, task_queue="anava")
    try:
        await asyncio.wait_for(handle.result(), 60)
    except WorkflowFailureError as error:
        return _type_of(error)
    return "done"


def _type_of(error: ActivityError | WorkflowFailureError) -> str:
    cause = error.cause
    return cause.type or "" if isinstance(cause, ApplicationError) else repr(cause)
