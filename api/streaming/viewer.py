"""One viewer of a deployment (DESIGN section 8, "Stream").

Who ends it: `end` (terminal and its log is read), `bye` (come back), or the client. What it shows
comes from the deployment's broadcast; what it missed, from the store.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence

from api.services.container import Services
from api.streaming.broadcast import Broadcast, Entry
from api.streaming.frames import Frame, frame, lines_after
from api.streaming.registry import BroadcastRegistry
from deployments.errors import AnavaError
from deployments.events import EventId
from deployments.execution import DeploymentSnapshot

__all__ = ["Viewer", "has_all"]

_PING_SECONDS = 15.0
_PING = frame("ping", {})
# What a viewer is sent at once. So much of it lies here for each who does not read.
_SEND_BYTES = 64 * 1024
# A store that cannot be read just now is asked again after this.
_AGAIN_SECONDS = 1.0
_LAST = frozenset({"end", "bye"})
# It ended while this viewer's store did not have all of it yet.
_BEHIND = frame("bye", {"reason": "behind"})


class Viewer:
    """One viewer.

    Args:
        services: where to read what it missed.
        broadcasts: what it shares with the others.
        seen: the deployment as it was found.
        after: the cursor.
    """

    def __init__(
        self,
        services: Services,
        broadcasts: BroadcastRegistry,
        snapshot: DeploymentSnapshot,
        after: EventId,
    ) -> None:
        self._services = services
        self._broadcasts = broadcasts
        self._seen = snapshot
        self._cursor = after

    async def frames(self) -> AsyncGenerator[Sequence[Frame], None]:
        """Events until the end, several at once where several are there."""
        broadcast = self._broadcasts.join(self._seen)
        try:
            while True:
                fresh = broadcast.next - (1 if broadcast.ended else 0)
                yield broadcast.opening()
                async for found in self._catch_up(broadcast):
                    yield found
                place = broadcast.place(self._cursor)
                if place is None:
                    yield [await _last(broadcast)]
                    return
                async for found in self._shared(broadcast, min(place, fresh), fresh):
                    yield found
                    if found[-1].event in _LAST:
                        return
        finally:
            self._broadcasts.leave(broadcast)

    async def _catch_up(self, broadcast: Broadcast) -> AsyncGenerator[Sequence[Frame], None]:
        """What lies between the cursor and the broadcast's entries, unless it ends before."""
        while broadcast.place(self._cursor) is None and not self._services.stopping.is_set():
            try:
                found = await broadcast.stored.after(self._cursor)
            except AnavaError:
                await asyncio.sleep(_AGAIN_SECONDS)
                yield [_PING]
                continue
            for item in found:
                self._cursor = item.last or self._cursor
                yield [item]
            if not found and broadcast.ended:
                return
            if not found:
                broadcast.follow(self._cursor)
                # Another viewer may have read from a store that is ahead of this one.
                is_there = broadcast.place(self._cursor) is not None
                await asyncio.sleep(0 if is_there else _AGAIN_SECONDS)

    async def _shared(
        self, broadcast: Broadcast, number: int, fresh: int
    ) -> AsyncGenerator[Sequence[Frame], None]:
        """Entries from a number on, for as long as they have not left the ring.

        Of those before `fresh` only lines are news: the opening told the rest.
        """
        while number >= broadcast.first:
            entries = broadcast.entries(number, _SEND_BYTES)
            old = max(0, fresh - number)
            number += len(entries)
            news = [*(entry for entry in entries[:old] if entry.frame.last), *entries[old:]]
            if found := list(self._taken(news)):
                yield found
            if not entries and not await _is_news(broadcast):
                yield [_PING]

    def _taken(self, entries: Iterable[Entry]) -> Iterable[Frame]:
        """The entries without the lines that this viewer has already."""
        for entry in entries:
            last = entry.frame.last
            if last is None or entry.after is None or entry.after >= self._cursor:
                yield entry.frame
            elif last > self._cursor:
                yield lines_after(entry.frame, self._cursor)
            self._cursor = max(self._cursor, last or self._cursor)


async def has_all(services: Services, snapshot: DeploymentSnapshot, cursor: EventId) -> bool:
    """Whether the deployment has ended and its log holds nothing behind the cursor.

    A log without any seal is never known to be whole, unless somebody already waited for it.
    """
    if not snapshot.is_terminal or cursor < snapshot.log_end or snapshot.log_end.step == 0:
        return False
    return not await services.logs.read(snapshot.id, cursor, 1)


async def _last(broadcast: Broadcast) -> Frame:
    """How it ends for one who does not have all: it must come back."""
    while not broadcast.ended:
        await broadcast.news()
    last = broadcast.entries(broadcast.next - 1, 1)[0].frame
    return last if last.event == "bye" else _BEHIND


async def _is_news(broadcast: Broadcast) -> bool:
    """Whether there was news before it is time for a ping."""
    try:
        async with asyncio.timeout(_PING_SECONDS):
            await broadcast.news()
    except TimeoutError:
        return False
    return True
