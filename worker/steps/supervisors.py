"""The supervisors of a worker."""

from collections.abc import Callable

from deployments.step import ActivityToken, StepKey, StopCause
from worker.steps.credential_renewal import CredentialProvider
from worker.steps.supervised_step import SupervisedStep
from worker.steps.supervisor import ActivityAttempts, ActivityBinding, Heartbeat, Supervisor

__all__ = ["Supervisors"]


class Supervisors:
    """Makes and lists the supervisors of this worker; `ship` starts shipping a step's log."""

    def __init__(
        self,
        open_step: Callable[[StepKey], SupervisedStep],
        attempts: ActivityAttempts,
        ship: Callable[[StepKey], None],
        credentials: CredentialProvider,
    ) -> None:
        self._open_step = open_step
        self._attempts = attempts
        self._ship = ship
        self._credentials = credentials
        self._running: dict[StepKey, Supervisor] = {}
        self.handing_over = False

    def attach(self, key: StepKey, activity_token: ActivityToken) -> Supervisor:
        """A supervisor for the activity that runs in this worker."""
        heartbeat = self._attempts.in_activity(activity_token)
        return self._supervisor(self._open_step(key), activity_token, heartbeat)

    def reattach(self, step: SupervisedStep, activity_token: ActivityToken) -> Supervisor:
        """A supervisor for a step of a worker that is gone."""
        heartbeat = self._attempts.heartbeat(activity_token)
        return self._supervisor(step, activity_token, heartbeat)

    def stop(self, key: StepKey, *, force: bool) -> None:
        """Request the runner of a step to stop terraform, also of a step of another worker."""
        self._open_step(key).runner.stop(StopCause.CANCEL, force=force)

    def is_supervised(self, key: StepKey) -> bool:
        """Whether a supervisor of this worker follows the step."""
        return key in self._running

    @property
    def count(self) -> int:
        """The number of steps that this worker supervises."""
        return len(self._running)

    def hand_over(self) -> None:
        """Leave all steps to the next worker, also those that come later."""
        self.handing_over = True
        for supervisor in self._running.values():
            supervisor.hand_over()

    def drain(self) -> None:
        """Stop every terraform that this worker supervises."""
        for supervisor in self._running.values():
            supervisor.stop(StopCause.DRAIN)

    def _supervisor(
        self, step: SupervisedStep, activity_token: ActivityToken, heartbeat: Heartbeat
    ) -> Supervisor:
        binding = ActivityBinding(activity_token, heartbeat, self._attempts)
        supervisor = Supervisor(step, binding, self._ship, self._credentials, self._running)
        if self.handing_over:
            supervisor.hand_over()
        return supervisor
