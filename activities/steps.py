"""Activities on one step; they run on the queue of the host that holds its folder."""

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from temporalio import activity

from activities.failures import translated
from deployments.errors import StepMoved
from deployments.ports import ActivityAttempts, ActivityToken, Heartbeat, Host
from deployments.step import StepKey, StepOrder, StepResult, StopCause
from worker.steps.supervisor import ActivityBinding, Supervisor, Supervisors

__all__ = ["RunStepInput", "StartMode", "StepActivities", "StopStepInput"]


class StartMode(StrEnum):
    """Whether a step may begin, or only be found."""

    START = "start"
    ATTACH = "attach"


@dataclass(frozen=True)
class RunStepInput:
    """What `run_step` is told."""

    order: StepOrder
    mode: StartMode


@dataclass(frozen=True)
class StopStepInput:
    """What `stop_step` is told."""

    key: StepKey
    force: bool = False


class LocalAttempts(ActivityAttempts, Protocol):
    """What Temporal knows of attempts, and the tie of one that runs here."""

    def in_activity(self, activity_token: ActivityToken) -> Heartbeat:
        """The tie of the attempt that is running in this worker."""
        ...


class StepActivities:
    """Runs and stops steps on this host."""

    def __init__(self, host: Host, attempts: LocalAttempts, supervisors: Supervisors) -> None:
        self._host = host
        self._attempts = attempts
        self._supervisors = supervisors

    @activity.defn
    async def run_step(self, input: RunStepInput) -> StepResult:
        """Run one terraform command, or find the one that runs.

        Repeat: attaches to what is on this host; never starts a second terraform.
        Cancel: interrupts terraform once and waits; returns what it left.
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
        folder = self._host.step(input.order.key)
        binding = ActivityBinding(
            activity_token, self._attempts.in_activity(activity_token), self._attempts
        )
        supervisor = self._supervisors.begin(folder, binding)
        work = asyncio.create_task(self._supervisors.run(supervisor, folder, input.order))
        with translated():
            try:
                return await _shielded(work, supervisor)
            except StepMoved:
                # The owner of the claim completes this attempt by its token.
                activity.raise_complete_async()

    @activity.defn
    async def stop_step(self, input: StopStepInput) -> None:
        """Ask the runner of a step to stop terraform.

        Repeat: changes nothing, the first cause stays; force may be added.
        Cancel: nothing to do, it takes a moment.
        """
        self._host.step(input.key).stop(StopCause.CANCEL, force=input.force)


async def _shielded(work: asyncio.Task[StepResult], supervisor: Supervisor) -> StepResult:
    """Await the keeper whatever is asked of the activity meanwhile; the keeper decides the end."""
    while True:
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            if work.cancelled():
                raise
            details = activity.cancellation_details()
            if details is not None and details.cancel_requested:
                supervisor.cancel()
            elif details is not None and details.worker_shutdown:
                supervisor.leave()
            else:
                # Timed out, reset, or the workflow is gone: Temporal knows who owns it now.
                supervisor.ask_now()
