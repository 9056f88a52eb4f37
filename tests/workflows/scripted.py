"""A deployment on a real Temporal server whose host is a script: it says what each step gave."""

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

from activities.deployments import FinalizeDeploymentInput, PrepareDeploymentInput, ReportPlanInput
from activities.failures import translated
from activities.preflight import CheckProjectInput, FindExistingInput
from activities.steps import RunStepInput, StopStepInput
from deployments.deployment import DeploymentRequest, DeploymentResult, PreparedHost, Stack
from deployments.errors import AnavaError
from deployments.findings import Finding
from deployments.imports import ImportSurvey
from deployments.phase import Phase
from deployments.results import Reconciliation, conclude
from deployments.step import (
    Counts,
    Diagnostic,
    StepOrder,
    StepOutcome,
    StepResult,
)
from deployments.temporal_names import SHARED_QUEUE, Attribute, Memo, host_queue
from deployments.timings import RetryLimits, Timings
from tests.support.servers import eventually
from workflows.deployment import DeploymentInput, DeploymentWorkflow
from workflows.stack_queue import StackHolderWorkflow

REASON = SearchAttributeKey.for_keyword(Attribute.REASON)
STATUS = SearchAttributeKey.for_keyword(Attribute.STATUS)

Answer = Callable[[StepOrder], StepResult]


def done(order: StepOrder) -> StepResult:
    """What a step gives when all is well; each plan is another one."""
    plan = f"plan-{order.key.step}" if order.phase is Phase.PLAN else ""
    applied = order.phase is Phase.APPLY
    return StepResult(
        order.key,
        order.phase,
        StepOutcome.DONE,
        exit_code=0,
        applied=applied,
        counts=Counts(add=1) if applied else Counts(),
        plan_sha256=plan,
    )


def refused(*summaries: str) -> Answer:
    """A step that ended with these errors."""

    def answer(order: StepOrder) -> StepResult:
        return replace(
            done(order),
            outcome=StepOutcome.FAILED,
            exit_code=1,
            applied=False,
            counts=Counts(),
            plan_sha256="",
            diagnostics=[Diagnostic("error", text, address="google_x.y") for text in summaries],
        )

    return answer


class ScriptedHost:
    """Activities that say what a host would say: one answer an apply, the last one for ever."""

    def __init__(
        self,
        applies: Sequence[Answer],
        plans: Sequence[Answer] = (done,),
        inits: Sequence[Answer] = (done,),
    ) -> None:
        self._answers: dict[Phase, list[Answer]] = {
            Phase.INIT: list(inits),
            Phase.PLAN: list(plans),
            Phase.APPLY: list(applies),
        }
        self.orders: list[StepOrder] = []
        self.findings: list[Finding] = []
        self.surveys = [ImportSurvey()]
        self.looked = 0
        self.refusal: AnavaError | None = None
        self.held = asyncio.Event()
        self.held.set()
        # By the name of an activity: it waits, once it is in `reached`.
        self.gates: dict[str, asyncio.Event] = {}
        self.reached: list[str] = []

    async def _pass(self, name: str) -> None:
        self.reached.append(name)
        if name in self.gates:
            await self.gates[name].wait()

    @activity.defn
    async def prepare_deployment(self, input: PrepareDeploymentInput) -> PreparedHost:
        await self._pass("prepare_deployment")
        with translated():
            if self.refusal is not None:
                raise self.refusal
        return PreparedHost("scripted", "1.11.4")

    @activity.defn
    async def run_step(self, input: RunStepInput) -> StepResult:
        self.orders.append(input.order)
        if input.order.phase is Phase.APPLY:
            await self.held.wait()
        answers = self._answers[input.order.phase]
        answer = answers[0] if len(answers) == 1 else answers.pop(0)
        return answer(input.order)

    @activity.defn
    async def stop_step(self, input: StopStepInput) -> None:
        await self._pass("stop_step")

    @activity.defn
    async def report_plan(self, input: ReportPlanInput) -> None:
        await self._pass("report_plan")

    @activity.defn
    async def finalize_deployment(self, input: FinalizeDeploymentInput) -> DeploymentResult:
        await self._pass("finalize_deployment")
        return conclude(input.steps, input.context, Reconciliation())

    @activity.defn
    async def check_project(self, input: CheckProjectInput) -> list[Finding]:
        self.looked += 1
        await self._pass("check_project")
        await self.held.wait()
        return self.findings

    @activity.defn
    async def find_existing(self, input: FindExistingInput) -> ImportSurvey:
        await self._pass("find_existing")
        return self.surveys[0] if len(self.surveys) == 1 else self.surveys.pop(0)

    @property
    def phases(self) -> list[Phase]:
        """What ran, in order."""
        return [order.phase for order in self.orders]

    def shared(self, client: Client) -> Worker:
        """The worker of the shared queue: workflows and what any host can do."""
        return Worker(
            client,
            task_queue=SHARED_QUEUE,
            workflows=[DeploymentWorkflow, StackHolderWorkflow],
            activities=[self.prepare_deployment, self.check_project],
        )

    def own(self, client: Client) -> Worker:
        """The worker of the host's queue."""
        return Worker(
            client,
            task_queue=host_queue("scripted"),
            activities=[
                self.run_step,
                self.stop_step,
                self.report_plan,
                self.finalize_deployment,
                self.find_existing,
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
    async def start(
        cls, client: Client, retries: RetryLimits, template: str = "sandbox"
    ) -> "Scripted":
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
