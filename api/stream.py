"""One viewer of a deployment as Server-Sent Events (DESIGN section 8, "Stream").

Who ends it: `end` (terminal and its log is read), `bye` (the server stops), or the client. What it
shows comes from the deployment's broadcast; what it missed, from the store.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import asdict

from api.broadcast import Broadcast, Broadcasts, Entry, lines_after
from api.frames import frame, log_frames
from api.services import Services
from api.view import Seen, body
from deployments.errors import AnavaError
from deployments.events import EventId

__all__ = ["Viewer", "has_all"]

_PING_SECONDS = 15.0
_PING = frame("ping", {})
# What a viewer reads from the store at once, and what it is sent at once: a few frames.
_READ_BYTES = 256 * 1024
_SEND_BYTES = 256 * 1024
# A store that cannot be read just now is asked again after this.
_AGAIN_SECONDS = 1.0


class Viewer:
    """One viewer.

    Args:
        services: where to read what it missed.
        broadcasts: what it shares with the others.
        seen: the deployment as it was found.
        after: the cursor.
    """

    def __init__(
        self, services: Services, broadcasts: Broadcasts, seen: Seen, after: EventId
    ) -> None:
        self._services = services
        self._broadcasts = broadcasts
        self._seen = seen
        self._cursor = after

    async def frames(self) -> AsyncIterator[bytes]:
        """Encoded events until the end, several at once where several are there."""
        broadcast = self._broadcasts.join(self._seen)
        try:
            ended = False
            while not ended:
                number = broadcast.next - (1 if broadcast.ended else 0)
                yield _opening(broadcast)
                async for data in self._catch_up(broadcast):
                    yield data
                # What is not in the ring any more is read from the store again.
                while not ended and number >= broadcast.first:
                    entries = broadcast.entries(number, _SEND_BYTES)
                    number += len(entries)
                    ended = bool(entries) and entries[-1].ends
                    if data := b"".join(self._taken(entries)):
                        yield data
                    if not entries and not await _news(broadcast):
                        yield _PING
        finally:
            self._broadcasts.leave(broadcast)

    async def _catch_up(self, broadcast: Broadcast) -> AsyncIterator[bytes]:
        """What lies between the cursor and the broadcast's entries."""
        while not broadcast.holds(self._cursor) and not self._services.stopping.is_set():
            try:
                chunks = await self._services.logs.read(self._seen.id, self._cursor, _READ_BYTES)
            except AnavaError:
                await asyncio.sleep(_AGAIN_SECONDS)
                yield _PING
                continue
            if not chunks and broadcast.ended:
                return
            if not chunks:
                broadcast.follow(self._cursor)
                # Another viewer may have read from a store that is ahead of this one.
                await asyncio.sleep(0 if broadcast.holds(self._cursor) else _AGAIN_SECONDS)
            for encoded, last in log_frames(b"".join(one.data for one in chunks)):
                self._cursor = last
                yield encoded

    def _taken(self, entries: Iterable[Entry]) -> Iterable[bytes]:
        """The entries without the lines that this viewer has already."""
        for entry in entries:
            if entry.last is None or entry.after is None or entry.after >= self._cursor:
                yield entry.data
            elif entry.last > self._cursor:
                yield lines_after(entry, self._cursor)
            self._cursor = max(self._cursor, entry.last or self._cursor)


async def has_all(services: Services, seen: Seen, cursor: EventId) -> bool:
    """Whether the deployment has ended and its log holds nothing behind the cursor.

    A log without any seal is never known to be whole, unless somebody already waited for it.
    """
    if not seen.is_terminal or cursor < seen.log_end or seen.log_end.segment == 0:
        return False
    return not await services.logs.read(seen.id, cursor, 1)


def _opening(broadcast: Broadcast) -> bytes:
    """A full snapshot: the status, and every resource that is known."""
    status = frame("status", body(broadcast.seen).model_dump())
    known = [asdict(one) for one in broadcast.resources.values()]
    return status + (frame("resource", {"changes": known}) if known else b"")


async def _news(broadcast: Broadcast) -> bool:
    """Whether there was news before it is time for a ping."""
    try:
        async with asyncio.timeout(_PING_SECONDS):
            await broadcast.news()
    except TimeoutError:
        return False
    return True
