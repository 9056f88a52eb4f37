"""A supervisor of a step without files and without Temporal: complete fakes of what it needs."""

import asyncio
from collections.abc import Sequence

from deployments.credentials import Credential
from deployments.errors import Unavailable
from deployments.execution import WorkflowState
from deployments.phase import Phase
from deployments.step import (
    ActivityToken,
    Resource,
    StepKey,
    StepOrder,
    StepOutcome,
    StepResult,
    StopCause,
)
from worker.steps.runner_process import StepStatus
from worker.steps.supervisor import Supervisor
from worker.steps.supervisors import Supervisors

__all__ = ["FakeStep", "FakeTemporal", "supervisor_of"]

KEY = StepKey("dep-1", 3)
TOKEN = ActivityToken(b"token", 1, "dep-1", "run", Phase.APPLY, may_start=False)


class FakeClaims:
    """Owned by this worker for ever."""

    def take(self, activity_token: ActivityToken) -> None: ...
    def renew(self) -> None: ...
    def extend_lease(self, sent_at: float) -> None: ...


class FakeStep:
    """A started step that runs until `ended` is set: runner, output and credential in one."""

    key = KEY
    detail = ""

    def __init__(self) -> None:
        self.slow: list[Resource] = []
        self.ended = False
        self.closed = False
        self.stops: list[StopCause] = []
        self.claims = FakeClaims()

    @property
    def runner(self) -> "FakeStep":
        return self

    @property
    def output(self) -> "FakeStep":
        return self

    def release(self) -> None: ...

    async def settle_lock(self, result: StepResult) -> StepResult:
        return result

    def close(self) -> None:
        self.closed = True

    def credential_reference(self) -> str:
        return ""

    def write_credential(self, credential: Credential) -> None: ...

    def status(self) -> StepStatus:
        alive = not self.ended
        return StepStatus(ordered=True, started=True, ended=self.ended, alive=alive, watched=alive)

    def place(self, order: StepOrder) -> None: ...
    async def start(self) -> None: ...
    async def finish(self) -> None: ...
    async def wait(self) -> None: ...

    def withdraw(self, error: str = "") -> bool:
        return False

    def errors(self) -> str:
        return ""

    def stop(self, cause: StopCause, *, force: bool = False) -> None:
        self.stops.append(cause)

    def overdue(self) -> Sequence[Resource]:
        return self.slow

    async def write_events(self) -> int:
        return 0

    async def wait_for_change(self, seconds: float) -> None:
        await asyncio.sleep(0.01)

    def wake(self) -> None: ...
    async def seal(self) -> None: ...

    def result(self) -> StepResult:
        return StepResult(KEY, Phase.APPLY, StepOutcome.DONE)

    def store_result(self, result: StepResult) -> None: ...


class NoCredentials:
    """Issues no token: the step needs none."""

    async def credential(self, reference: str) -> Credential:
        raise AssertionError(f"a token for {reference} was requested")


class FakeTemporal:
    """Attempts and heartbeat in one; refuses the next report while `away` is set."""

    acknowledge_seconds = 1000.0

    def __init__(self) -> None:
        self.reports: list[list[str]] = []
        self.away = False
        self.beats = 0

    def in_activity(self, activity_token: ActivityToken) -> "FakeTemporal":
        return self

    def heartbeat(self, activity_token: ActivityToken) -> "FakeTemporal":
        return self

    def beat(self, detail: str) -> None:
        self.beats += 1

    async def acknowledge(self, detail: str) -> bool:
        return True

    async def complete(self, result: StepResult) -> None: ...

    async def workflow_state(self, workflow_id: str) -> WorkflowState:
        return WorkflowState.OPEN

    async def is_pending(self, activity_token: ActivityToken, activity_id: str) -> bool:
        return True

    async def report_overdue(
        self, activity_token: ActivityToken, resources: Sequence[Resource]
    ) -> None:
        if self.away:
            self.away = False
            raise Unavailable("not now")
        self.reports.append([resource.address for resource in resources])


def supervisor_of(step: FakeStep, temporal: FakeTemporal) -> Supervisor:
    """A supervisor of the step that ships nothing."""
    supervisors = Supervisors(lambda _: step, temporal, lambda _: None, NoCredentials())
    return supervisors.attach(KEY, TOKEN)
