"""A caller with a long queue does not delay another: hosts admit the subjects in turn."""

import asyncio
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio import activity, workflow
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from adapters.encryption import key_ring
from adapters.temporal.gateway import TemporalGateway
from deployments.deployment import DEFAULT_TENANT, DeploymentRequest, Operation, Stack, Status
from deployments.execution import DeploymentSnapshot
from deployments.phase import Phase
from deployments.reasons import Reason
from deployments.step_order import DeploymentInput
from deployments.temporal_names import DEPLOYMENT_WORKFLOW, SHARED_QUEUE
from tests.support.servers import TemporalServer, eventually

REQUEST = DeploymentRequest(Stack("sandbox", "customer-1", "anava"), "us-central1", "US")


@workflow.defn(name=DEPLOYMENT_WORKFLOW)
class WaitsForAHost:
    """A deployment as far as the admission."""

    @workflow.run
    async def run(self, input: DeploymentInput) -> None:
        await workflow.execute_activity(
            "prepare_deployment", input.owner, start_to_close_timeout=timedelta(seconds=60)
        )


def snapshot(owner: str) -> DeploymentSnapshot:
    return DeploymentSnapshot(
        id=f"dep-{uuid.uuid4().hex}",
        tenant=DEFAULT_TENANT,
        owner=owner,
        stack="local.sandbox.customer-1.anava",
        operation=Operation.DEPLOY,
        status=Status.QUEUED,
        phase=Phase.QUEUE,
        reason=Reason.NONE,
        created_at="",
    )


@pytest.mark.parametrize("crowd", [30, pytest.param(401, marks=pytest.mark.long)])
async def test_a_deployment_behind_a_crowd_of_another_owner_is_admitted_soon(
    server: TemporalServer, tmp_path: Path, crowd: int
) -> None:
    """In the order of arrival it waited for most of the crowd: 401 of up to an hour each."""
    client = await server.client()
    gateway = TemporalGateway(client, key_ring((), tmp_path))
    admitted: list[str] = []
    is_reached = asyncio.Event()

    @activity.defn(name="prepare_deployment")
    async def prepare(owner: str) -> None:
        admitted.append(owner)
        if owner == "bob":
            is_reached.set()

    workflows = Worker(
        client,
        task_queue=SHARED_QUEUE,
        workflows=[WaitsForAHost],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with workflows:
        for owner in ["ann"] * crowd + ["bob"]:
            await gateway.start(snapshot(owner), DeploymentInput(owner, REQUEST), "")

        async def all_wait() -> bool:
            queue = await gateway.queue(SHARED_QUEUE, "activity")
            return queue.backlog >= crowd + 1

        await eventually(all_wait, "the queue", 60)
        # A host with a single place.
        host = Worker(
            client, task_queue=SHARED_QUEUE, activities=[prepare], max_concurrent_activities=1
        )
        async with host:
            await asyncio.wait_for(is_reached.wait(), 120)
    assert admitted.index("bob") <= 3
