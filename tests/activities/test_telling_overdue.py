"""The keeper tells the workflow what takes far too long: once, and again when that changes."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from activities.keeper import Keeper, Ties
from deployments.errors import Unavailable
from deployments.phase import Phase
from deployments.ports import Sight, Ticket
from deployments.segment import (
    Resource,
    ResourceStatus,
    SegmentKey,
    SegmentOutcome,
    SegmentResult,
)
from tests.servers import eventually

KEY = SegmentKey("dep-1", 3)
SLOW = Resource("google_x.a", "create", ResourceStatus.RUNNING, overdue=True)
TICKET = Ticket(b"token", 1, "dep-1", "run", Phase.APPLY, may_start=False)


class Folder:
    """A segment that runs until it is told to end."""

    key = KEY
    detail = ""

    def __init__(self) -> None:
        self.slow: list[Resource] = []
        self.ended = False

    def claim(self, ticket: Ticket) -> None: ...
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

    def look(self) -> Sight:
        alive = not self.ended
        return Sight(ordered=True, started=True, ended=self.ended, alive=alive, watched=alive)

    async def pump(self) -> int:
        return 0

    async def changed(self, seconds: float) -> None:
        await asyncio.sleep(0.01)

    async def close_log(self) -> None: ...

    def result(self) -> SegmentResult:
        return SegmentResult(KEY, Phase.APPLY, SegmentOutcome.DONE)


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

    async def tell_overdue(self, ticket: Ticket, resources: Sequence[Resource]) -> None:
        if self.away:
            self.away = False
            raise Unavailable("not now")
        self.told.append([one.address for one in resources])


async def test_it_is_told_once_and_again_when_it_changes() -> None:
    folder, temporal = Folder(), Temporal()
    keeper = Keeper(folder, Ties(TICKET, temporal, temporal), lambda key: None, Nobody())  # type: ignore[arg-type]  # as much of the ports as it needs
    keeping = asyncio.create_task(keeper.keep())
    temporal.away = True
    folder.slow = [SLOW]
    await eventually(lambda: temporal.told == [["google_x.a"]], "the first word")

    folder.slow = [SLOW, replace(SLOW, address="google_x.b")]
    await eventually(lambda: len(temporal.told) == 2, "the second word")
    folder.slow = []
    await eventually(lambda: len(temporal.told) == 3, "the all-clear")
    folder.ended = True
    await keeping

    assert temporal.told == [["google_x.a"], ["google_x.a", "google_x.b"], []]
