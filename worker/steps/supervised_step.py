"""The parts of a step that a supervisor works with, by role."""

from collections.abc import Sequence
from typing import Protocol

from deployments.activity_token import ActivityToken
from deployments.step import Resource, StepOrder, StepResult, StopCause
from worker.steps.credential_renewal import CredentialedStep
from worker.steps.runner_process import StepStatus

__all__ = ["StepClaims", "StepOutput", "StepRunner", "SupervisedStep"]


class StepClaims(Protocol):
    """Ownership of a step. `renew` and `extend_lease` raise Fenced after a higher claim."""

    def take(self, activity_token: ActivityToken) -> None:
        """Claim the step for this worker; raises Fenced when another worker was first."""
        ...

    def renew(self) -> None:
        """Record that this worker is alive."""
        ...

    def extend_lease(self, sent_at: float) -> None:
        """Extend the host's lease to its full length from `sent_at`, a boot-clock time."""
        ...


class StepRunner(Protocol):
    """The runner of a step; all methods but `status`, `withdraw` and `stop` need the claim."""

    def status(self) -> StepStatus:
        """The step's status now."""
        ...

    def place(self, order: StepOrder) -> None:
        """Write the order; raises HostFault where the step cannot run here."""
        ...

    async def start(self) -> None:
        """Start a runner."""
        ...

    async def finish(self) -> None:
        """Start a runner that ends the processes of a killed runner."""
        ...

    async def wait(self) -> None:
        """Wait for the exit of the runners that this worker started."""
        ...

    def withdraw(self) -> bool:
        """End a step that has not started; False where terraform has started."""
        ...

    def stop(self, cause: StopCause, *, force: bool = False) -> None:
        """Request the runner to stop terraform."""
        ...


class StepOutput(Protocol):
    """Terraform's output in a step."""

    @property
    def detail(self) -> str:
        """The progress in one line."""
        ...

    def overdue(self) -> Sequence[Resource]:
        """The resources that take far longer than usual."""
        ...

    async def write_events(self) -> int:
        """Write events of new output; returns the number of lines."""
        ...

    async def wait_for_change(self, seconds: float) -> None:
        """Return when there may be new output or a new status, after `seconds` at the latest."""
        ...

    def wake(self) -> None:
        """Make `wait_for_change` return at once."""
        ...

    async def seal(self) -> None:
        """Write the end record of the log."""
        ...

    def result(self) -> StepResult:
        """The result of the ended step."""
        ...


class SupervisedStep(CredentialedStep, Protocol):
    """A step on this host."""

    @property
    def claims(self) -> StepClaims:
        """Ownership."""
        ...

    @property
    def runner(self) -> StepRunner:
        """The runner."""
        ...

    @property
    def output(self) -> StepOutput:
        """The log and the result."""
        ...

    def release(self) -> None:
        """Let the next worker claim the step at once."""
        ...
