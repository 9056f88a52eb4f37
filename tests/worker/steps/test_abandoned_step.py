"""A step without an attempt: terraform is stopped only where no workflow is open."""

import asyncio
from dataclasses import replace

from deployments.errors import AttemptGone
from deployments.execution import WorkflowState
from deployments.step import ActivityToken, StepOutcome, StopCause
from tests.support.servers import eventually
from tests.worker.steps.supervising import (
    KEY,
    TOKEN,
    FakeStep,
    FakeTemporal,
    NoCredentials,
    supervisor_of,
)
from worker.steps.runner_process import StepStatus
from worker.steps.supervisors import Supervisors


class ForgetfulTemporal(FakeTemporal):
    """Has neither the attempt nor a workflow that waits for the step."""

    async def acknowledge(self, detail: str) -> bool:
        raise AttemptGone("unknown attempt")

    async def workflow_state(self, workflow_id: str) -> WorkflowState:
        return WorkflowState.UNKNOWN


async def test_a_request_to_acknowledge_does_not_make_the_heartbeats_spin() -> None:
    """The event stayed set once the step was abandoned, and its loop never yielded again."""
    step = FakeStep()
    supervisor = supervisor_of(step, ForgetfulTemporal())
    running = asyncio.create_task(supervisor.run())
    await eventually(lambda: step.stops == [StopCause.ABANDONED], "the stop of terraform")
    supervisor.acknowledge_now()
    # A heartbeat that spins leaves no turn to the supervisor, which notices the end of the step.
    step.ended = True
    await asyncio.wait_for(running, 10)


class BetweenAttempts(FakeTemporal):
    """Has ended the attempt; the workflow is open and has not scheduled the next attempt yet."""

    acknowledge_seconds = 0.01

    def __init__(self) -> None:
        super().__init__()
        self.refused = 0

    async def acknowledge(self, detail: str) -> bool:
        self.refused += 1
        raise AttemptGone("timed out")

    async def is_pending(self, activity_token: ActivityToken, activity_id: str) -> bool:
        return False


async def test_a_step_between_two_attempts_continues() -> None:
    """A worker paused for 130 s found no pending activity and interrupted a sound apply."""
    step, temporal = FakeStep(), BetweenAttempts()
    running = asyncio.create_task(supervisor_of(step, temporal).run())
    await eventually(lambda: temporal.refused == 2, "the second refusal")
    assert step.stops == []
    step.ended = True
    assert (await running).outcome is StepOutcome.DONE


class Unstarted(FakeStep):
    """An ordered step whose terraform has not started."""

    withdrawn = False
    starts = 0

    async def start(self) -> None:
        self.starts += 1

    def status(self) -> StepStatus:
        return StepStatus(ordered=True, ended=self.withdrawn)

    def withdraw(self, error: str = "") -> bool:
        self.withdrawn = True
        return True


async def test_without_an_attempt_a_step_that_has_not_started_is_withdrawn() -> None:
    step = Unstarted()
    temporal = BetweenAttempts()
    supervisors = Supervisors(lambda _: step, temporal, lambda _: None, NoCredentials())
    supervisor = supervisors.attach(KEY, replace(TOKEN, may_start=True))
    await asyncio.wait_for(supervisor.run(), 10)
    assert (step.withdrawn, step.starts) == (True, 0)
