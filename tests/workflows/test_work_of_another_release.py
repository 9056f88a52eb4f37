"""A deployment that a newer release accepted is not run as another operation."""

import dataclasses
import uuid
from typing import Any

import pytest
from temporalio.client import Client

from deployments.deployment import DeploymentRequest, Stack, Status
from deployments.errors import Audience
from deployments.explanations import explain
from deployments.reasons import Reason
from deployments.step_order import DeploymentInput
from deployments.temporal_names import DEPLOYMENT_WORKFLOW, SHARED_QUEUE
from deployments.timings import Timings
from tests.workflows.scripted import Scripted, ScriptedHost, done


@pytest.mark.parametrize("field", ["operation", "approval"])
async def test_an_unknown_operation_or_approval_runs_no_terraform(
    client: Client, field: str
) -> None:
    stack = Stack("sandbox", "demo-project-1", f"p{uuid.uuid4().hex[:8]}")
    request = DeploymentRequest(stack, "us-central1", "US")
    input: dict[str, Any] = dataclasses.asdict(DeploymentInput("local", request, Timings()))
    input["request"][field] = "of_another_release"
    host = ScriptedHost([done])
    async with host.workers(client):
        handle: Any = await client.start_workflow(
            DEPLOYMENT_WORKFLOW,
            input,
            id=f"dep-{uuid.uuid4().hex[:26]}",
            task_queue=SHARED_QUEUE,
        )
        result = await Scripted(handle).result(20)
    assert (result.status, result.reason, host.orders) == (Status.FAILED, Reason.NEWER_RELEASE, [])
    explanation = explain(result.reason)
    assert "newer release; nothing was run" in explanation.message
    assert explanation.next_step.startswith("Deploy again after ")
    assert explanation.audience is Audience.OPERATOR
