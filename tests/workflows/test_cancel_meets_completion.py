"""A cancel and the end of the apply in one workflow task: the finished apply is not lost."""

import asyncio
import uuid
from pathlib import Path

from temporalio import activity
from temporalio.client import WorkflowHandle
from temporalio.worker import Worker

from activities.deployments import FinalizeInput, PlanReportInput, PrepareInput
from activities.segments import SegmentInput, StopInput
from deployments.deployment import DeploymentRequest, DeploymentResult, Stack, Status
from deployments.names import SHARED_QUEUE, host_queue
from deployments.phase import Phase
from deployments.ports import PlanSummary, Prepared
from deployments.results import Settled, conclude
from deployments.segment import Counts, SegmentOutcome, SegmentResult
from tests.servers import TemporalServer, eventually
from workflows.deployment import DeploymentInput, DeploymentWorkflow
from workflows.turn import StackTurnWorkflow


class ScriptedHost:
    """Activities that say what a host would say; apply ends when it is told to."""

    def __init__(self) -> None:
        self.applying = asyncio.Event()
        self.applied = asyncio.Event()

    @activity.defn
    async def prepare_deployment(self, input: PrepareInput) -> Prepared:
        return Prepared("scripted", "1.11.4")

    @activity.defn
    async def run_segment(self, input: SegmentInput) -> SegmentResult:
        order = input.order
        if order.phase is Phase.APPLY:
            self.applying.set()
            await self.applied.wait()
        return SegmentResult(
            order.key,
            order.phase,
            SegmentOutcome.DONE,
            exit_code=0,
            applied=True,
            counts=Counts(add=12),
        )

    @activity.defn
    async def stop_segment(self, input: StopInput) -> None:
        return None

    @activity.defn
    async def report_plan(self, input: PlanReportInput) -> PlanSummary:
        return PlanSummary("", [])

    @activity.defn
    async def finalize_deployment(self, input: FinalizeInput) -> DeploymentResult:
        return conclude(input.segments, input.context, Settled())


async def test_a_finished_apply_survives_a_cancel_of_the_same_moment(tmp_path: Path) -> None:
    server = TemporalServer(tmp_path)
    server.start()
    try:
        client = await server.client()
        host = ScriptedHost()
        shared = Worker(
            client,
            task_queue=SHARED_QUEUE,
            workflows=[DeploymentWorkflow, StackTurnWorkflow],
            activities=[host.prepare_deployment],
        )
        own = Worker(
            client,
            task_queue=host_queue("scripted"),
            activities=[
                host.run_segment,
                host.stop_segment,
                host.report_plan,
                host.finalize_deployment,
            ],
        )
        request = DeploymentRequest(Stack("sandbox", "demo-project-1", "race"), "us-central1", "US")
        async with own:
            async with shared:
                handle: WorkflowHandle[DeploymentWorkflow, DeploymentResult]
                handle = await client.start_workflow(
                    DeploymentWorkflow.run,
                    DeploymentInput("local", request),
                    id=f"dep-{uuid.uuid4().hex[:26]}",
                    task_queue=SHARED_QUEUE,
                )
                await host.applying.wait()
            # No workflow worker now: both events wait for the next one's first task.
            host.applied.set()

            async def has_no_pending() -> bool:
                description = await handle.describe()
                return not description.raw_description.pending_activities

            await eventually(has_no_pending, "the end of the apply")
            await handle.cancel(reason='anava:{"by": "local"}')
            again = Worker(
                client,
                task_queue=SHARED_QUEUE,
                workflows=[DeploymentWorkflow, StackTurnWorkflow],
            )
            async with again:
                result = await asyncio.wait_for(handle.result(), 60)
        assert result.status is Status.COMPLETED
        assert result.counts.add == 12
    finally:
        server.end()
