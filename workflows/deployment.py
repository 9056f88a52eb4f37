"""The life of a deployment: phases in order, retries and the end."""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    import msgspec

    from activities.deployments import (
        DeploymentActivities,
        FinalizeDeploymentInput,
        ReportPlanInput,
    )
    from activities.steps import RunStepInput, StartMode, StepActivities, StopStepInput
    from deployments.deployment import (
        ApprovalPolicy,
        CancelRequest,
        DeploymentResult,
        Operation,
        PreparedHost,
        Status,
    )
    from deployments.execution import rfc3339
    from deployments.explanations import explain
    from deployments.payload_size import fit
    from deployments.phase import Phase
    from deployments.reasons import Reason
    from deployments.refusal_causes import refusals_of
    from deployments.results import EndContext, Reconciliation, conclude, fit_to_memo
    from deployments.retry_budget import RetryBudget
    from deployments.step import Resource, StepKey, StepOutcome, StepResult
    from deployments.step_order import DeploymentInput, step_order
    from deployments.temporal_names import Attribute, Memo, Signal, host_queue
    from deployments.transitions import is_terminal, may_follow
    from workflows import activity_options, activity_results
    from workflows.admission import admitted
    from workflows.cancellation import shielded
    from workflows.current_details import current_details, overdue_details, retry_details
    from workflows.outcomes import (
        complete,
        failure_message,
        is_application_error,
        is_refused_for_space,
        is_safe_to_rerun,
        is_schedule_to_start_timeout,
        refusal_to_prepare,
    )
    from workflows.preflight import ProjectFindings
    from workflows.stack_queue import acquire_stack

__all__ = ["DeploymentInput", "DeploymentWorkflow"]

# Steps in one run of a phase: the first and its repeats. A step repeats when terraform did not
# start, or when the runner was lost in a phase that changes no resources.
_MAX_STEPS_PER_PHASE = 3
# For a step before the last: 262 steps make 1 MB, which a workflow task shortens and encodes in
# 0.6 s (measured). The SDK ends a task after 2 s.
_MAX_EARLIER_BYTES = 4_000

# A host with a free place admits a deployment within a second.
_ADMISSION_PATIENCE = timedelta(seconds=5)

_KEYS = {name: SearchAttributeKey.for_keyword(name) for name in Attribute}


class _HostLostError(Exception):
    """The host of this deployment does not answer."""


@workflow.defn
class DeploymentWorkflow:
    """Init, plan and apply for a stack, with a truthful result in every end."""

    @workflow.init
    def __init__(self, input: DeploymentInput) -> None:
        """Take the input here, since signals can arrive before `run`."""
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
        self._project = ProjectFindings(input.request)

    @workflow.run
    async def run(self, input: DeploymentInput) -> DeploymentResult:
        """Deploy or destroy the stack."""
        self._show(f"Waiting for the stack {input.request.stack.id}.")
        try:
            problem = Reason.NEWER_RELEASE if self._is_unknown_work() else await self._deploy()
        except asyncio.CancelledError:
            # The cancel came between two steps; a running step shields itself.
            problem = None
        except _HostLostError:
            self._host_lost, problem = True, None
        result = await self._finalize(problem)
        self._publish(result)
        return complete(result)

    @workflow.signal
    def force_cancel(self, *_: object) -> None:
        """After a cancel: stop without waiting for open operations. Can lose state.

        A signal of another program with any input must not fail the workflow task, which Temporal
        would repeat for ever.
        """
        # The SDK delivers a signal before a cancel that is in the same task (measured).
        self._forced_at = workflow.info().get_current_history_length()
        if workflow.cancellation_reason() is None:
            return
        self._forced = True
        if self._running is not None:
            self._stopping = asyncio.create_task(self._stop(self._running))

    @workflow.signal(name=Signal.OVERDUE)
    def report_overdue(self, *input: object) -> None:
        """Show the resources that take far longer than usual; an empty list clears them.

        The input is a list of resources. Any other input is logged and changes nothing; the SDK
        drops a signal whose payload is not JSON.
        """
        if self._running is None:
            return
        try:
            resources = msgspec.convert(input[0] if input else None, list[Resource])
        except msgspec.ValidationError as error:
            workflow.logger.warning("signal %s without effect: %s", Signal.OVERDUE, error)
            return
        reason = Reason.KEEPS_FAILING if resources else Reason.NONE
        self._enter(Status.RUNNING, self._phase, reason)
        if resources:
            self._show(overdue_details(resources))

    async def _deploy(self) -> Reason | None:
        """Run all phases; the reason of an end outside any step."""
        if not await acquire_stack(self._input.request.stack.id):
            return Reason.STACK_BUSY
        workflow.upsert_memo({Memo.STARTED_AT: rfc3339(workflow.now())})
        if problem := await self._preflight():
            return problem
        problem = None if self._cancel() else await self._prepare()
        if self._cancel() or problem:
            return None if self._cancel() else problem
        while not await self._run_phase(Phase.INIT):
            if not await self._wait_for_retry():
                return None
        while not await self._plan_and_apply():
            if self._project.blocking or not await self._wait_for_retry():
                break
        return self._project.blocking

    def _is_unknown_work(self) -> bool:
        """Whether a newer release accepted work that this release must not replace by a deploy."""
        request = self._input.request
        return request.operation is Operation.UNKNOWN or request.approval is ApprovalPolicy.UNKNOWN

    async def _preflight(self) -> Reason | None:
        """Check the Google project; the reason that blocks the deployment."""
        if not self._project.is_needed:
            return None
        self._enter(Status.RUNNING, Phase.PREFLIGHT)
        await self._project.check()
        return None if self._cancel() else self._project.blocking

    async def _plan_and_apply(self) -> bool:
        """Plan, then apply exactly that plan; whether both completed."""
        if not await self._plan():
            return False
        report = asyncio.create_task(self._report_plan())
        done = await self._run_phase(Phase.APPLY)
        await shielded(report)
        return done

    async def _report_plan(self) -> None:
        """Store the plan as artifacts; the deployment does not depend on them."""
        try:
            await activity_results.start(
                DeploymentActivities.report_plan,
                ReportPlanInput(workflow.info().workflow_id),
                task_queue=self._queue(),
                **activity_options.REPORT_PLAN,
            )
        except ActivityError as error:
            workflow.logger.warning("no plan report: %s", failure_message(error))

    async def _plan(self) -> bool:
        """Plan until the plan imports each resource that exists already."""
        self._project.begin()
        while await self._run_phase(Phase.PLAN):
            if not self._project.is_needed:
                return True
            may_apply = await self._project.may_apply(self._queue())
            if self._cancel() or self._project.blocking:
                return False
            if may_apply:
                return True
        return False

    async def _wait_for_retry(self) -> bool:
        """Wait while the retry budget allows another try after the last step's refusal.

        Returns whether to try again: an init that was refused, else from a new plan.
        """
        refusals = [] if self._cancel() else refusals_of(self._steps[-1])
        if not refusals:
            return False
        first = refusals[0]
        pause = self._retry_budget.pause(
            first.action, workflow.time(), self._number, first.reason, first.finding.resource
        )
        if pause is None:
            return False
        self._enter(Status.RUNNING, self._phase, first.reason)
        self._show(retry_details(first.finding, pause, self._retry_budget.tries))
        workflow.logger.info(
            "waits %s s for %s (%s): try %s, reaction %s",
            pause,
            first.reason,
            first.finding.resource or first.finding.message,
            self._retry_budget.tries + 1,
            first.action,
        )
        self._waiting = True
        await workflow.sleep(timedelta(seconds=pause), summary=f"next try after {first.reason}")
        self._waiting = False
        return True

    async def _prepare(self) -> Reason | None:
        """Have a host admit the deployment; the reason of a refusal."""
        waiting = asyncio.create_task(self._show_waiting())
        try:
            self._prepared = await admitted(self._input.request, self._input.owner)
        except ActivityError as error:
            self._detail = failure_message(error)
            return refusal_to_prepare(error)
        finally:
            waiting.cancel()
        workflow.upsert_memo({Memo.HOST: self._prepared.host})
        return None

    async def _show_waiting(self) -> None:
        """Show that no host admits the deployment, once that takes longer than usual."""
        await workflow.sleep(_ADMISSION_PATIENCE, summary="waits for a host")
        self._enter(self._status, self._phase, Reason.WAITING_FOR_HOST)
        self._show(f"**{explain(Reason.WAITING_FOR_HOST).message}**")

    async def _run_phase(self, phase: Phase) -> bool:
        """Run a phase, again where that is safe; whether the next phase may run."""
        self._enter(Status.RUNNING, phase)
        for _ in range(_MAX_STEPS_PER_PHASE):
            result = await self._run_step(phase)
            # The host has the complete results; the input of finalize has all steps.
            if self._steps:
                self._steps[-1] = fit(self._steps[-1], _MAX_EARLIER_BYTES)
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
            self._project.imports,
        )
        self._running = order.key
        timings = self._input.timings
        mode, wait_seconds = StartMode.START, timings.host_silence_seconds
        try:
            for _ in range(timings.most_attaches(order.deadline_seconds)):
                try:
                    return await self._attempt(RunStepInput(order, mode), wait_seconds)
                except ActivityError as error:
                    if is_application_error(error):
                        return StepResult(
                            order.key,
                            phase,
                            StepOutcome.START_FAILED,
                            error=failure_message(error),
                            disk_full=is_refused_for_space(error),
                        )
                    if mode is StartMode.ATTACH and is_schedule_to_start_timeout(error):
                        break
                # Only the host has the step's outcome, however long the host is away, and
                # even if an operator wrote another end of the activity.
                mode, wait_seconds = StartMode.ATTACH, timings.host_absence_seconds
                self._show(f"Waiting for the outcome of host {self._host()}.")
        finally:
            self._running = None
        self._steps.append(StepResult(order.key, phase, StepOutcome.HOST_LOST))
        raise _HostLostError

    async def _attempt(self, input: RunStepInput, wait_seconds: int) -> StepResult:
        """Schedule the activity of a step; a cancel stops terraform and still awaits the result."""
        order = input.order
        handle = activity_results.start(
            StepActivities.run_step,
            input,
            task_queue=self._queue(),
            **activity_options.run_step(order, self._input.timings, wait_seconds),
        )

        def stop() -> None:
            self._stopping = asyncio.create_task(self._stop(order.key))
            # An attach is not cancelled: the result is the step's outcome.
            if input.mode is StartMode.START:
                handle.cancel()

        if input.mode is StartMode.ATTACH and self._cancel():
            stop()
        result = await shielded(handle, cancel=stop)
        return activity_results.read(
            result,
            StepResult,
            lambda step: (step.key.step, step.phase) == (order.key.step, order.phase),
        )

    async def _stop(self, key: StepKey) -> None:
        """Stop terraform through the host's queue; the heartbeat is the slower second way."""
        if self._forced_at == workflow.info().get_current_history_length():
            self._forced = True
        try:
            await activity_results.start(
                StepActivities.stop_step,
                StopStepInput(key, self._forced),
                task_queue=self._queue(),
                **activity_options.STOP_STEP,
            )
        except (ActivityError, asyncio.CancelledError) as error:
            workflow.logger.warning("stop_step: %s", error)

    async def _finalize(self, problem: Reason | None) -> DeploymentResult:
        """Reconcile and record on the host; without a host, conclude from the steps."""
        context = self._context(problem)
        if self._prepared is None or self._host_lost:
            return fit_to_memo(conclude(self._steps, context, Reconciliation()))
        self._enter(self._status, Phase.FINALIZE)
        try:
            result = await activity_results.execute(
                DeploymentActivities.finalize_deployment,
                FinalizeDeploymentInput(
                    workflow.info().workflow_id,
                    self._input.owner,
                    self._input.request,
                    self._steps,
                    context,
                ),
                DeploymentResult,
                self._is_end,
                task_queue=self._queue(),
                **activity_options.finalize(self._input.timings),
            )
        except ActivityError as error:
            workflow.logger.error("finalize failed: %s", failure_message(error))
            unknown = Reconciliation(inconclusive=True)
            return fit_to_memo(conclude(self._steps, self._context(problem), unknown))
        return result

    def _is_end(self, result: DeploymentResult) -> bool:
        """Whether a result can be the end of this deployment."""
        return result.status in Status.known() and (
            is_terminal(result.status) and may_follow(self._status, result.status)
        )

    def _publish(self, result: DeploymentResult) -> None:
        """Write the end to the memo, the search attributes and the Web UI."""
        workflow.upsert_memo({Memo.RESULT: result})
        self._phase = result.phase
        self._enter(result.status, result.phase, result.reason)
        destroy = self._input.request.operation is Operation.DESTROY
        explanation = explain(result.reason, destroy=destroy)
        self._show(f"**{result.status}**: {explanation.message} {explanation.next_step}")

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
        self._show(f"{phase} is running on host {self._host()}. Cancel the workflow to stop it.")

    def _show(self, headline: str) -> None:
        """Set the current details in the Temporal Web UI."""
        stack, owner = self._input.request.stack.id, self._input.owner
        workflow.set_current_details(
            current_details(headline, stack, owner, self._phase, self._steps)
        )

    def _context(self, problem: Reason | None) -> EndContext:
        prepared = self._prepared
        return EndContext(
            phase=self._phase,
            cancel=self._cancel(),
            problem=problem,
            detail=self._detail,
            host=prepared.host if prepared else "",
            terraform_version=prepared.terraform_version if prepared else "",
            template_version=prepared.template_version if prepared else "",
            host_lost=self._host_lost,
            waiting=self._waiting,
            findings=self._project.obstacles if problem else [],
            destroy=self._input.request.operation is Operation.DESTROY,
            warnings=[*(prepared.warnings if prepared else []), *self._project.deletions],
        )

    def _cancel(self) -> CancelRequest | None:
        # The reason of a cancel through Temporal is empty, so only None means no cancel (measured).
        reason = workflow.cancellation_reason()
        return None if reason is None else CancelRequest.decode(reason)

    def _host(self) -> str:
        return self._prepared.host if self._prepared else "(none yet)"

    def _queue(self) -> str:
        return host_queue(self._host())
