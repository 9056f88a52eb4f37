"""Recorded histories replay: a change of the workflow's commands needs `patched()`.

A history is never recorded again to make a test pass.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHistory
from temporalio.worker import (
    Interceptor,
    Replayer,
    StartActivityInput,
    UnsandboxedWorkflowRunner,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)
from temporalio.workflow import ActivityHandle

from activities.deployments import FinalizeDeploymentInput
from deployments.deployment import CancelRequest
from deployments.phase import Phase
from deployments.step import StepOutcome
from deployments.temporal_names import Memo
from deployments.timings import RetryLimits
from tests.workflows.scripted import Scripted, ScriptedHost, done
from workflows.deployment import DeploymentWorkflow
from workflows.stack_queue import StackHolderWorkflow

TASK_COMPLETED = "WORKFLOW_TASK_COMPLETED"
HISTORIES = {
    path.stem: path.read_text()
    for path in sorted((Path(__file__).parent / "histories").glob("*.json"))
}


@pytest.mark.parametrize("name", HISTORIES)
async def test_a_recorded_history_replays(name: str) -> None:
    replayer = Replayer(workflows=[DeploymentWorkflow, StackHolderWorkflow])
    history = WorkflowHistory.from_json("dep-replayed", HISTORIES[name])
    await replayer.replay_workflow(history)


def test_the_recorded_cancel_met_the_completion_in_one_task() -> None:
    history = WorkflowHistory.from_json("dep-replayed", HISTORIES["cancel_meets_completion"])
    kinds = [EventType.Name(event.event_type) for event in history.events]
    cancel = kinds.index("EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED")
    last_task = max(at for at, kind in enumerate(kinds[:cancel]) if kind.endswith(TASK_COMPLETED))

    between = kinds[last_task:cancel]
    assert "EVENT_TYPE_ACTIVITY_TASK_COMPLETED" in between
    assert "EVENT_TYPE_WORKFLOW_TASK_STARTED" not in between
    assert kinds[-1] == "EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED"
    end = history.events[-1].workflow_execution_completed_event_attributes
    result = json.loads(end.result.payloads[0].data)
    assert (result["status"], result["cancel_too_late"]) == ("completed", True)
    assert result["counts"]["add"] == 1


class FinalizeInputs(Interceptor):
    """Takes down what finalize is told; a replay compares commands, not what is in them."""

    def __init__(self) -> None:
        self.seen: list[FinalizeDeploymentInput] = []

    def workflow_interceptor_class(
        self, input: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor]:
        seen = self.seen

        class Outbound(WorkflowOutboundInterceptor):
            def start_activity(self, input: StartActivityInput) -> ActivityHandle[Any]:
                seen.extend(arg for arg in input.args if isinstance(arg, FinalizeDeploymentInput))
                return super().start_activity(input)

        class Inbound(WorkflowInboundInterceptor):
            def init(self, outbound: WorkflowOutboundInterceptor) -> None:
                super().init(Outbound(outbound))

        return Inbound


async def test_a_cancel_in_the_moment_of_the_completion_loses_no_result() -> None:
    """With a single `await asyncio.shield(…)` finalize was told nothing of the finished apply."""
    inputs = FinalizeInputs()
    replayer = Replayer(
        workflows=[DeploymentWorkflow, StackHolderWorkflow],
        interceptors=[inputs],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    history = WorkflowHistory.from_json("dep-replayed", HISTORIES["cancel_meets_completion"])
    await replayer.replay_workflow(history)

    apply = inputs.seen[0].steps[-1]
    assert (apply.phase, apply.outcome, apply.applied) == (Phase.APPLY, StepOutcome.DONE, True)


async def test_the_memo_says_when_the_stack_was_acquired(client: Client) -> None:
    host = ScriptedHost([done])
    async with host.workers(client):
        deployment = await Scripted.start(client, RetryLimits())
        await deployment.result()
    description = await deployment.handle.describe()
    started_at = datetime.fromisoformat(await description.memo_value(Memo.STARTED_AT))
    assert description.start_time <= started_at <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ('anava:{"by": "ann", "reason": "late"}', CancelRequest("ann", "late")),
        ("", CancelRequest("", "")),
        ("anava:not json", CancelRequest("", "anava:not json")),
        ("anava:[1]", CancelRequest("", "anava:[1]")),
        ("an operator's words", CancelRequest("", "an operator's words")),
    ],
)
def test_a_cancel_reason_names_who_asked_or_an_operator(text: str, request_: CancelRequest) -> None:
    assert CancelRequest.decode(text) == request_
