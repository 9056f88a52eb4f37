"""Activities of a step, on the task queue of the host that has the step's folder."""

import asyncio
from dataclasses import dataclass
from typing import Protocol

from temporalio import activity

from activities.failures import translated
from deployments.acceptance import AcceptedDeployment
from deployments.errors import StepMoved
from deployments.open_enum import OpenEnum
from deployments.step import ActivityToken, StepKey, StepOrder, StepResult, StopCause

__all__ = ["RunStepInput", "StartMode", "StepActivities", "StopStepInput"]


class StartMode(OpenEnum):
    """Whether `run_step` may start terraform, or only attach to the step; so does `UNKNOWN`."""

    START = "start"
    ATTACH = "attach"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class RunStepInput:
    """Input of `run_step`."""

    order: StepOrder
    mode: StartMode

    def is_ordered_by(self, accepted: AcceptedDeployment) -> bool:
        """Whether the order follows from the accepted input."""
        return accepted.orders(self.order)


@dataclass(frozen=True)
class StopStepInput:
    """Input of `stop_step`."""

    key: StepKey
    force: bool = False

    def is_ordered_by(self, accepted: AcceptedDeployment) -> bool:
        """Whether the step is a step of the accepted deployment."""
        return accepted.has_step(self.key)


class StepSupervisor(Protocol):
    """Follows a step to the end; `run` raises StepMoved after another worker's claim."""

    async def run(self, order: StepOrder) -> StepResult: ...
    def stop(self, cause: StopCause) -> None: ...
    def hand_over(self) -> None: ...
    def acknowledge_now(self) -> None: ...


class StepSupervisors(Protocol):
    """The steps of this host: attaches a supervisor for an activity attempt, and stops a step."""

    def attach(self, key: StepKey, activity_token: ActivityToken) -> StepSupervisor: ...
    def stop(self, key: StepKey, *, force: bool) -> None: ...


class StepActivities:
    """Runs and stops steps on this host."""

    def __init__(self, supervisors: StepSupervisors) -> None:
        self._supervisors = supervisors

    @activity.defn
    async def run_step(self, input: RunStepInput) -> StepResult:
        """Run a terraform command, or attach to the command that runs.

        Repeat: attaches to the step's folder; never starts a second terraform.
        Cancel: interrupts terraform once, waits, and returns the step's result.
        """
        info = activity.info()
        activity_token = ActivityToken(
            token=info.task_token,
            attempt=info.attempt,
            workflow_id=info.workflow_id or "",
            run_id=info.workflow_run_id or "",
            phase=input.order.phase,
            may_start=input.mode is StartMode.START and info.attempt == 1,
        )
        supervisor = self._supervisors.attach(input.order.key, activity_token)
        run = asyncio.create_task(supervisor.run(input.order))
        with translated():
            try:
                return await _shielded(run, supervisor)
            except StepMoved:
                # The worker that claimed the step completes this attempt by the token.
                activity.raise_complete_async()

    @activity.defn
    async def stop_step(self, input: StopStepInput) -> None:
        """Request the runner of a step to stop terraform.

        Repeat: changes nothing, the first cause stays; force may be added.
        Cancel: has no effect; the activity writes a small file.
        """
        self._supervisors.stop(input.key, force=input.force)


async def _shielded(run: asyncio.Task[StepResult], supervisor: StepSupervisor) -> StepResult:
    """Await the supervisor, which alone ends the step; forward the causes of cancellations."""
    while True:
        try:
            return await asyncio.shield(run)
        except asyncio.CancelledError:
            if run.cancelled():
                raise
            details = activity.cancellation_details()
            if details is not None and details.cancel_requested:
                supervisor.stop(StopCause.CANCEL)
            elif details is not None and details.worker_shutdown:
                supervisor.hand_over()
            else:
                # Timed out, reset, or the workflow is closed: Temporal's answer decides.
                supervisor.acknowledge_now()
