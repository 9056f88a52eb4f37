"""A keeper with a segment and a Temporal that are each as much of their ports as it needs."""

import asyncio
from collections.abc import Sequence

from activities.keeper import Keeper, Ties
from deployments.errors import Unavailable
from deployments.phase import Phase
from deployments.ports import Sight, Ticket
from deployments.segment import Resource, SegmentKey, SegmentOutcome, SegmentResult

__all__ = ["Folder", "Temporal", "keeper_of"]

KEY = SegmentKey("dep-1", 3)
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


def keeper_of(folder: Folder, temporal: Temporal) -> Keeper:
    """A keeper of the segment for which nothing is shipped and no token is made."""
    ties = Ties(TICKET, temporal, temporal)  # type: ignore[arg-type]  # as above
    return Keeper(folder, ties, lambda key: None, Nobody())  # type: ignore[arg-type]  # as above
