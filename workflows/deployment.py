"""The life of a deployment: what must happen, and in what order."""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeKey
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.deployments import (
        DeploymentActivities,
        FinalizeDeploymentInput,
        PrepareDeploymentInput,
    )
    from activities.steps import RunStepInput, StartMode, StepActivities, StopStepInput
    from deployments.deployment import (
        CancelRequest,
        DeploymentResult,
        Operation,
        Status,
    )
    from deployments.findings import Finding
    from deployments.imports import Import
    from deployments.phase import Phase
    from deployments.preflight import blocking
    from deployments.prepared_host import PreparedHost
    from deployments.reasons import Reason, explain
    from deployments.refusal_causes import refusals_of
    from deployments.results import EndContext, Reconciliation, conclude
    from deployments.retry_budget import RetryBudget
    from deployments.step import (
        Resource,
        StepKey,
        StepOrder,
        StepOutcome,
        StepResult,
    )
    from deployments.temporal_names import Attribute, Memo, Signal, host_queue
    from deployments.transitions import may_follow
    from workflows.cancellation import shielded
    from workflows.current_details import (
        current_details,
        overdue_details,
        retry_details,
    )
    from workflows.outcomes import (
        complete,
        failure_message,
        is_safe_to_rerun,
        is_schedule_to_start_timeout,
    )
    from workflows.plan_report import report_plan
    from workflows.preflight import check_project, find_existing, needs_google
    from workflows.stack_queue import acquire_stack
    from workflows.step_order import DeploymentInput, step_order

__all__ = ["DeploymentInput", "DeploymentWorkflow"]

# A step that never began, or whose runner was killed while nothing could be lost.
_MOST_STEPS_A_PHASE = 3
# A name that only becomes known when another resource is adopted is found by the next look; what
# the last look finds is refused by the apply and adopted then.
_MOST_SURVEYS = 3
# Each attach finds what is there; more of them than this say that the host keeps dying.
_MOST_ATTACHES = 5
# Every attempt behind the first one attaches; the server spaces them out.
_ATTEMPTS = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    maximum_interval=timedelta(seconds=10),
    maximum_attempts=10,
)
# Short activities: the files of one folder, or one terraform query of at most a minute.
_SHORT = timedelta(seconds=150)
# They heartbeat once a second, so a dead worker costs them seconds.
_SHORT_HEARTBEAT = timedelta(seconds=5)
# It writes one small file; when its worker dies the next one does it.
_STOP = timedelta(seconds=3)


class _HostLostError(Exception):
    """The host of this deployment does not answer."""


@workflow.defn
class DeploymentWorkflow:
    """init, plan, apply for one stack; ends with a truthful result whatever dies meanwhile."""

    @workflow.init
    def __init__(self, input: DeploymentInput) -> None:
        """Take the input; signals may come before `run`."""
        self._input = input
        self._status = Status.QUEUED
        self._phase = Phase.QUEUE
        self._steps: list[StepResult] = []
        self._number = 0
        self._running: StepKey | None = None
        self._prepared: PreparedHost | None = None
        self._host_lost = False
        self._detail = ""
        self._stopping: asyncio.Task[None] | None = None
        self._forced = False
        self._forced_at = 0
        self._retry_budget = RetryBudget(input.timings.retries)
        self._waiting = False
        self._findings: list[Finding] = []
        self._imports: list[Import] = []

    @workflow.run
    async def run(self, input: DeploymentInput) -> DeploymentResult:
        """Deploy the stack."""
        self._tell(f"Waiting for the turn of {input.request.stack.id}.")
        try:
            problem = await self._deploy()
        except asyncio.CancelledError:
            # Asked to stop between two steps; every step itself outlasts a cancel.
            problem = None
        except _HostLostError:
            self._host_lost, problem = True, None
        result = await self._finalize(problem)
        self._publish(result)
        return complete(result)

    @workflow.signal
    def force_cancel(self) -> None:
        """Stop without waiting for open operations; may lose state. Only after a cancel."""
        # Where both are in one task the SDK hands over the signal before the cancel (measured).
        self._forced_at = workflow.info().get_current_history_length()
        if workflow.cancellation_reason() is None:
            return
        self._forced = True
        if self._running is not None:
            self._stopping = asyncio.create_task(self._stop(self._running))

    @workflow.signal(name=Signal.OVERDUE)
    def overdue_details(self, resources: list[Resource]) -> None:
        """A worker says what takes far longer than usual: nothing more, once it goes on."""
        if self._running is None:
            return
        reason = Reason.KEEPS_FAILING if resources else Reason.NONE
        self._enter(Status.RUNNING, self._phase, reason)
        if resources:
            self._tell(overdue_details(resources))

    async def _deploy(self) -> Reason | None:
        """All phases; the reason of an end outside any step."""
        if not await acquire_stack(self._input.request.stack.id):
            return Reason.STACK_BUSY
        if problem := await self._preflight():
            return problem
        if self._cancel() or not await self._prepare():
            return None if self._cancel() else Reason.PREPARE_FAILED
        if not await self._run_phase(Phase.INIT):
            return None
        while not await self._change():
            if blocking(self._findings) or not await self._may_try_again():
                break
        return blocking(self._findings)

    async def _preflight(self) -> Reason | None:
        """What stands in the way, before any terraform."""
        if not needs_google(self._input.request) or not workflow.patched("preflight"):
            return None
        self._enter(Status.RUNNING, Phase.PREFLIGHT)
        self._findings = await check_project(self._input.request)
        return None if self._cancel() else blocking(self._findings)

    async def _change(self) -> bool:
        """Plan, and apply exactly that plan; whether all of it was done."""
        if not await self._plan():
            return False
        await self._approval()
        report = asyncio.create_task(report_plan(self._queue()))
        done = await self._run_phase(Phase.APPLY)
        await shielded(report)
        return done

    async def _plan(self) -> bool:
        """Plan, and again with what exists already: that is adopted, not made."""
        self._imports = []
        for _ in range(_MOST_SURVEYS):
            if not await self._run_phase(Phase.PLAN):
                return False
            if not needs_google(self._input.request):
                return True
            survey = await find_existing(self._input.request, self._queue())
            self._findings = survey.findings
            if self._cancel() or blocking(survey.findings):
                return False
            if not survey.imports:
                return True
            self._imports += survey.imports
        return True

    async def _may_try_again(self) -> bool:
        """Wait where waiting may help. The next try plans anew: an old plan is never applied."""
        refusals = [] if self._cancel() else refusals_of(self._steps[-1])
        if not refusals:
            return False
        first = refusals[0]
        pause = self._retry_budget.pause(first.action, workflow.time())
        if pause is None or not workflow.patched("retries"):
            return False
        self._enter(Status.RUNNING, self._phase, first.reason)
        self._tell(retry_details(first.finding, pause, self._retry_budget.tries))
        self._waiting = True
        await workflow.sleep(timedelta(seconds=pause), summary=f"next try after {first.reason}")
        self._waiting = False
        return True

    async def _prepare(self) -> bool:
        """Have a host admit the deployment. The seam for preflight is in front of this."""
        handle = workflow.start_activity_method(
            DeploymentActivities.prepare_deployment,
            PrepareDeploymentInput(workflow.info().workflow_id, self._input.request),
            # No limit on the wait for a place: with all hosts full, waiting is what is wanted.
            start_to_close_timeout=_SHORT,
            heartbeat_timeout=_SHORT_HEARTBEAT,
            retry_policy=_ATTEMPTS,
            summary="a host with a free place makes the run directory",
        )
        try:
            self._prepared = await shielded(handle, cancel=handle.cancel)
        except ActivityError as error:
            self._detail = failure_message(error)
            return False
        workflow.upsert_memo({Memo.HOST: self._prepared.host})
        return self._cancel() is None

    async def _approval(self) -> None:
        """Policy `auto` asks nobody; the other policies come with their own issue."""

    async def _run_phase(self, phase: Phase) -> bool:
        """Run a phase, in a new step where one never began; whether the next phase may run."""
        self._enter(Status.RUNNING, phase)
        for _ in range(_MOST_STEPS_A_PHASE):
            result = await self._run_step(phase)
            self._steps.append(result)
            if self._cancel() or not is_safe_to_rerun(result):
                break
        return result.outcome is StepOutcome.DONE and self._cancel() is None

    async def _run_step(self, phase: Phase) -> StepResult:
        self._number += 1
        order = step_order(
            phase,
            StepKey(workflow.info().workflow_id, self._number),
            self._input,
            self._steps,
            self._imports,
        )
        self._running = order.key
        silence = timedelta(seconds=self._input.timings.host_silence_seconds)
        absence = timedelta(seconds=self._input.timings.host_absence_seconds)
        mode, wait = StartMode.START, silence
        try:
            for _ in range(_MOST_ATTACHES):
                try:
                    return await self._attempt(RunStepInput(order, mode), wait)
                except ActivityError as error:
                    if isinstance(error.cause, ApplicationError):
                        return self._not_run(
                            order, StepOutcome.START_FAILED, failure_message(error)
                        )
                    if mode is StartMode.ATTACH and is_schedule_to_start_timeout(error):
                        break
                # Lost from sight, or cancelled before it was seen: what is there must be found
                # out on its host, however long that is away.
                mode, wait = StartMode.ATTACH, absence
                self._tell(f"Waiting for host {self._host()}: its workers are silent.")
        finally:
            self._running = None
        self._steps.append(self._not_run(order, StepOutcome.HOST_LOST))
        raise _HostLostError

    async def _attempt(self, input: RunStepInput, wait: timedelta) -> StepResult:
        timings = self._input.timings
        order = input.order
        handle = workflow.start_activity_method(
            StepActivities.run_step,
            input,
            task_queue=self._queue(),
            activity_id=order.key.activity_id,
            schedule_to_start_timeout=wait,
            start_to_close_timeout=timedelta(
                seconds=timings.start_to_close_seconds(order.deadline_seconds)
            ),
            heartbeat_timeout=timedelta(seconds=timings.heartbeat_timeout_seconds),
            retry_policy=_ATTEMPTS,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=f"terraform {order.phase}",
        )

        def stop() -> None:
            self._stopping = asyncio.create_task(self._stop(order.key))
            # What only waits to be seen by its host is not cancelled: it brings the truth.
            if input.mode is StartMode.START:
                handle.cancel()

        if input.mode is StartMode.ATTACH and self._cancel():
            stop()
        return await shielded(handle, cancel=stop)

    async def _stop(self, key: StepKey) -> None:
        """Reach the runner by the host's queue; the heartbeat is the way that needs no queue."""
        if self._forced_at == workflow.info().get_current_history_length():
            self._forced = True
        try:
            await workflow.execute_activity_method(
                StepActivities.stop_step,
                StopStepInput(key, self._forced),
                task_queue=self._queue(),
                start_to_close_timeout=_STOP,
                summary="asks the runner to stop terraform",
            )
        except (ActivityError, asyncio.CancelledError) as error:
            workflow.logger.warning("stop_step: %s", error)

    async def _finalize(self, problem: Reason | None) -> DeploymentResult:
        context = self._context(problem)
        if self._prepared is None or self._host_lost:
            return conclude(self._steps, context, Reconciliation())
        self._enter(self._status, Phase.FINALIZE)
        handle = workflow.start_activity_method(
            DeploymentActivities.finalize_deployment,
            FinalizeDeploymentInput(
                workflow.info().workflow_id,
                self._input.owner,
                self._input.request,
                self._steps,
                context,
            ),
            task_queue=self._queue(),
            schedule_to_start_timeout=timedelta(seconds=self._input.timings.host_absence_seconds),
            start_to_close_timeout=_SHORT,
            heartbeat_timeout=_SHORT_HEARTBEAT,
            retry_policy=_ATTEMPTS,
            summary="finds out what is true, keeps the record",
        )
        try:
            result = await shielded(handle)
        except ActivityError as error:
            workflow.logger.error("finalize failed: %s", failure_message(error))
            return conclude(self._steps, self._context(problem), Reconciliation(inconclusive=True))
        return result

    def _publish(self, result: DeploymentResult) -> None:
        """Say how it ended where everybody reads it: attributes, memo, the Web UI."""
        workflow.upsert_memo({Memo.RESULT: result})
        self._phase = result.phase
        self._enter(result.status, result.phase, result.reason)
        destroy = self._input.request.operation is Operation.DESTROY
        explanation = explain(result.reason, destroy=destroy)
        self._tell(f"**{result.status}**: {explanation.message} {explanation.next_step}")

    def _enter(self, status: Status, phase: Phase, reason: Reason = Reason.NONE) -> None:
        if not may_follow(self._status, status):
            raise AssertionError(f"{status} cannot follow {self._status}")
        self._status = status
        if phase is not Phase.FINALIZE:
            self._phase = phase
        workflow.upsert_search_attributes(
            [
                _KEYS[Attribute.STATUS].value_set(status),
                _KEYS[Attribute.PHASE].value_set(phase),
                _KEYS[Attribute.REASON].value_set(reason),
            ]
        )
        self._tell(f"{phase} is running on host {self._host()}. Cancel the workflow to stop it.")

    def _tell(self, words: str) -> None:
        """What the Temporal Web UI shows as current details."""
        input = self._input
        workflow.set_current_details(
            current_details(words, input.request.stack.id, input.owner, self._phase, self._steps)
        )

    def _not_run(self, order: StepOrder, outcome: StepOutcome, error: str = "") -> StepResult:
        return StepResult(order.key, order.phase, outcome, error=error)

    def _context(self, problem: Reason | None) -> EndContext:
        return EndContext(
            phase=self._phase,
            cancel=self._cancel(),
            problem=problem,
            detail=self._detail,
            host=self._prepared.host if self._prepared else "",
            terraform_version=self._prepared.terraform_version if self._prepared else "",
            host_lost=self._host_lost,
            waiting=self._waiting,
            findings=self._findings if problem else [],
            destroy=self._input.request.operation is Operation.DESTROY,
        )

    def _cancel(self) -> CancelRequest | None:
        # Empty for a cancel through Temporal, so it is tested for None (measured).
        reason = workflow.cancellation_reason()
        return None if reason is None else CancelRequest.decode(reason)

    def _host(self) -> str:
        return self._prepared.host if self._prepared else "(none yet)"

    def _queue(self) -> str:
        return host_queue(self._host())


_KEYS = {name: SearchAttributeKey.for_keyword(name) for name in Attribute}
