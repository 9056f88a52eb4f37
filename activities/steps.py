"""Activities of one step, on the task queue of the host that has the step's folder."""

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from temporalio import activity

from activities.failures import translated
from deployments.activity_token import ActivityToken
from deployments.errors import StepMoved
from deployments.step import StepKey, StepOrder, StepResult

__all__ = ["RunStepInput", "StartMode", "StepActivities", "StopStepInput"]


class StartMode(StrEnum):
    """Whether `run_step` may start terraform, or only attach to the step."""

    START = "start"
    ATTACH = "attach"


@dataclass(frozen=True)
class RunStepInput:
    """Input of `run_step`."""

    order: StepOrder
    mode: StartMode


@dataclass(frozen=True)
class StopStepInput:
    """Input of `stop_step`."""

    key: StepKey
    force: bool = False


class StepSupervisor(Protocol):
    """Follows one step to its end."""

    async def run(self, order: StepOrder) -> StepResult:
        """Run or follow the step; raises StepMoved when another worker supervises the step."""
        ...

    def cancel(self) -> None:
        """Stop terraform; `run` returns the result."""
        ...

    def hand_over(self) -> None:
        """Leave the step to the next worker; `run` raises StepMoved."""
        ...

    def acknowledge_now(self) -> None:
        """Query Temporal at once whether the attempt is valid."""
        ...


class StepSupervisors(Protocol):
    """The steps of this host."""

    def attach(self, key: StepKey, activity_token: ActivityToken) -> StepSupervisor:
        """A supervisor of the step for an activity attempt."""
        ...

    def stop(self, key: StepKey, *, force: bool) -> None:
        """Request the runner of the step to stop terraform."""
        ...


class StepActivities:
    """Runs and stops steps on this host."""

    def __init__(self, supervisors: StepSupervisors) -> None:
        self._supervisors = supervisors

    @activity.defn
    async def run_step(self, input: RunStepInput) -> StepResult:
        """Run one terraform command, or attach to the command that runs.

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
                # The worker that claimed the step completes this attempt by its token.
                activity.raise_complete_async()

    @activity.defn
    async def stop_step(self, input: StopStepInput) -> None:
        """Request the runner of a step to stop terraform.

        Repeat: changes nothing, the first cause stays; force may be added.
        Cancel: has no effect; the activity writes one file.
        """
        self._supervisors.stop(input.key, force=input.force)


async def _shielded(run: asyncio.Task[StepResult], supervisor: StepSupervisor) -> StepResult:
    """Await the supervisor, which alone ends the step; pass the causes of cancellations to it."""
    while True:
        try:
            return await asyncio.shield(run)
        except asyncio.CancelledError:
            if run.cancelled():
                raise
            details = activity.cancellation_details()
            if details is not None and details.cancel_requested:
                supervisor.cancel()
            elif details is not None and details.worker_shutdown:
                supervisor.hand_over()
            else:
                # Timed out, reset, or the workflow is closed: Temporal's answer decides.
                supervisor.acknowledge_now()
