"""A deployment on a real Temporal server whose host is a script: it says what each segment gave."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from temporalio import activity
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.common import SearchAttributeKey
from temporalio.worker import Worker

from activities.deployments import FinalizeInput, PlanReportInput, PrepareInput
from activities.preflight import CheckInput, SurveyInput
from activities.segments import SegmentInput, StopInput
from deployments.adoption import Survey
from deployments.deployment import DeploymentRequest, DeploymentResult, Stack
from deployments.findings import Finding
from deployments.names import SHARED_QUEUE, Attribute, Memo, host_queue
from deployments.phase import Phase
from deployments.ports import PlanSummary, Prepared
from deployments.results import Settled, conclude
from deployments.segment import (
    Counts,
    Diagnostic,
    SegmentOrder,
    SegmentOutcome,
    SegmentResult,
)
from deployments.timings import Retries, Timings
from tests.servers import eventually
from workflows.deployment import DeploymentInput, DeploymentWorkflow
from workflows.turn import StackTurnWorkflow

REASON = SearchAttributeKey.for_keyword(Attribute.REASON)
STATUS = SearchAttributeKey.for_keyword(Attribute.STATUS)

Answer = Callable[[SegmentOrder], SegmentResult]


def done(order: SegmentOrder) -> SegmentResult:
    """What a segment gives when all is well; each plan is another one."""
    plan = f"plan-{order.key.segment}" if order.phase is Phase.PLAN else ""
    applied = order.phase is Phase.APPLY
    return SegmentResult(
        order.key,
        order.phase,
        SegmentOutcome.DONE,
        exit_code=0,
        applied=applied,
        counts=Counts(add=1) if applied else Counts(),
        plan_sha256=plan,
    )


def refused(*summaries: str) -> Answer:
    """A segment that ended with these errors."""

    def answer(order: SegmentOrder) -> SegmentResult:
        return replace(
            done(order),
            outcome=SegmentOutcome.FAILED,
            exit_code=1,
            applied=False,
            counts=Counts(),
            plan_sha256="",
            diagnostics=[Diagnostic("error", text, address="google_x.y") for text in summaries],
        )

    return answer


class ScriptedHost:
    """Activities that say what a host would say: one answer an apply, the last one for ever."""

    def __init__(self, applies: Sequence[Answer], plans: Sequence[Answer] = (done,)) -> None:
        self._answers: dict[Phase, list[Answer]] = {
            Phase.INIT: [done],
            Phase.PLAN: list(plans),
            Phase.APPLY: list(applies),
        }
        self.orders: list[SegmentOrder] = []
        self.findings: list[Finding] = []
        self.surveys = [Survey()]
        self.looked = 0
        self.held = asyncio.Event()
        self.held.set()

    @activity.defn
    async def prepare_deployment(self, input: PrepareInput) -> Prepared:
        return Prepared("scripted", "1.11.4")

    @activity.defn
    async def run_segment(self, input: SegmentInput) -> SegmentResult:
        self.orders.append(input.order)
        if input.order.phase is Phase.APPLY:
            await self.held.wait()
        answers = self._answers[input.order.phase]
        answer = answers[0] if len(answers) == 1 else answers.pop(0)
        return answer(input.order)

    @activity.defn
    async def stop_segment(self, input: StopInput) -> None:
        return None

    @activity.defn
    async def report_plan(self, input: PlanReportInput) -> PlanSummary:
        return PlanSummary("", [])

    @activity.defn
    async def finalize_deployment(self, input: FinalizeInput) -> DeploymentResult:
        return conclude(input.segments, input.context, Settled())

    @activity.defn
    async def check_project(self, input: CheckInput) -> list[Finding]:
        self.looked += 1
        await self.held.wait()
        return self.findings

    @activity.defn
    async def survey_existing(self, input: SurveyInput) -> Survey:
        return self.surveys[0] if len(self.surveys) == 1 else self.surveys.pop(0)

    @property
    def phases(self) -> list[Phase]:
        """What ran, in order."""
        return [one.phase for one in self.orders]

    def shared(self, client: Client) -> Worker:
        """The worker of the shared queue: workflows and what any host can do."""
        return Worker(
            client,
            task_queue=SHARED_QUEUE,
            workflows=[DeploymentWorkflow, StackTurnWorkflow],
            activities=[self.prepare_deployment, self.check_project],
        )

    def own(self, client: Client) -> Worker:
        """The worker of the host's queue."""
        return Worker(
            client,
            task_queue=host_queue("scripted"),
            activities=[
                self.run_segment,
                self.stop_segment,
                self.report_plan,
                self.finalize_deployment,
                self.survey_existing,
            ],
        )

    @asynccontextmanager
    async def workers(self, client: Client) -> AsyncIterator[None]:
        """Both queues."""
        async with self.shared(client), self.own(client):
            yield


class Scripted:
    """One deployment of a script."""

    def __init__(self, handle: WorkflowHandle[DeploymentWorkflow, DeploymentResult]) -> None:
        self.handle = handle

    @classmethod
    async def start(cls, client: Client, retries: Retries, template: str = "sandbox") -> "Scripted":
        stack = Stack(template, "demo-project-1", f"p{uuid.uuid4().hex[:8]}")
        request = DeploymentRequest(stack, "us-central1", "US")
        handle = await client.start_workflow(
            DeploymentWorkflow.run,
            DeploymentInput("local", request, Timings(retries=retries)),
            id=f"dep-{uuid.uuid4().hex[:26]}",
            task_queue=SHARED_QUEUE,
        )
        return cls(handle)

    async def result(self, seconds: float = 60) -> DeploymentResult:
        with contextlib.suppress(WorkflowFailureError):
            await asyncio.wait_for(self.handle.result(), seconds)
        description = await self.handle.describe()
        return await description.memo_value(Memo.RESULT, type_hint=DeploymentResult)

    async def details(self) -> str:
        """What the Temporal Web UI shows as current details."""
        metadata: Any = await self.handle.query("__temporal_workflow_metadata")
        return str(metadata.current_details)

    async def until_reason(self, reason: str) -> str:
        """Wait until the deployment runs for this reason; the details that it shows then."""

        async def seen() -> bool:
            found = (await self.handle.describe()).typed_search_attributes
            return (found.get(STATUS), found.get(REASON)) == ("running", reason)

        await eventually(seen, f"the reason {reason}")
        return await self.details()
