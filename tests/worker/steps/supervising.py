"""A keeper with a step and a Temporal that are each as much of their ports as it needs."""

import asyncio
from collections.abc import Sequence

from deployments.errors import Unavailable
from deployments.phase import Phase
from deployments.ports import ActivityToken, StepStatus
from deployments.step import Resource, StepKey, StepOutcome, StepResult
from worker.steps.supervisor import ActivityBinding, Supervisor

__all__ = ["Folder", "Temporal", "keeper_of"]

KEY = StepKey("dep-1", 3)
TICKET = ActivityToken(b"token", 1, "dep-1", "run", Phase.APPLY, may_start=False)


class Folder:
    """A step that runs until it is told to end."""

    key = KEY
    detail = ""

    def __init__(self) -> None:
        self.slow: list[Resource] = []
        self.ended = False

    def claim(self, activity_token: ActivityToken) -> None: ...
    def renew(self) -> None: ...
    def extend_lease(self, sent_at: float) -> None: ...
    def wake(self) -> None: ...
    def settle(self) -> None: ...

    def clock(self) -> float:
        return 0.0

    def credential_reference(self) -> str:
        return ""

    def overdue(self) -> Sequence[Resource]:
        return self.slow

    def look(self) -> StepStatus:
        alive = not self.ended
        return StepStatus(ordered=True, started=True, ended=self.ended, alive=alive, watched=alive)

    async def pump(self) -> int:
        return 0

    async def changed(self, seconds: float) -> None:
        await asyncio.sleep(0.01)

    async def close_log(self) -> None: ...

    def result(self) -> StepResult:
        return StepResult(KEY, Phase.APPLY, StepOutcome.DONE)


class Nobody:
    """A mint that nobody asks."""


class Temporal:
    """Attempts and heartbeat in one; it does not answer while it is away."""

    acknowledge_seconds = 1000.0

    def __init__(self) -> None:
        self.told: list[list[str]] = []
        self.away = False

    def beat(self, detail: str) -> None: ...

    async def acknowledge(self, detail: str) -> bool:
        return True

    async def report_overdue(
        self, activity_token: ActivityToken, resources: Sequence[Resource]
    ) -> None:
        if self.away:
            self.away = False
            raise Unavailable("not now")
        self.told.append([resource.address for resource in resources])


def keeper_of(folder: Folder, temporal: Temporal) -> Supervisor:
    """A keeper of the step for which nothing is shipped and no token is made."""
    binding = ActivityBinding(TICKET, temporal, temporal)  # type: ignore[arg-type]  # as above
    return Supervisor(folder, binding, lambda key: None, Nobody())  # type: ignore[arg-type]  # as above
