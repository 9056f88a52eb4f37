"""A viewer of a deployment.

Live events come from the deployment's broadcast, missed lines from the store. The stream ends with
`end` (terminal status, whole log sent), with `bye` (reconnect), or when the client leaves.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence

from api.services.container import Services
from api.streaming.broadcast import BEHIND, Broadcast, BroadcastRegistry, Entry
from api.streaming.frames import Frame, frame, lines_after
from deployments.errors import AnavaError
from deployments.events import EventId
from deployments.execution import DeploymentSnapshot

__all__ = ["Viewer"]

_PING_SECONDS = 15.0
_PING = frame("ping", {})
# Bytes per write, and so the buffer of each viewer that does not read.
_SEND_BYTES = 64 * 1024
# Pause before an unavailable store, or a store without later lines, is read again.
_RETRY_SECONDS = 1.0
_FINAL_EVENTS = frozenset({"end", "bye"})


class Viewer:
    """A viewer; the client has the events up to and including `after`."""

    def __init__(
        self,
        services: Services,
        broadcasts: BroadcastRegistry,
        snapshot: DeploymentSnapshot,
        after: EventId,
    ) -> None:
        self._services = services
        self._broadcasts = broadcasts
        self._snapshot = snapshot
        self._cursor = after

    async def frames(self) -> AsyncGenerator[Sequence[Frame], None]:
        """Batches of frames until the end of the stream."""
        broadcast = self._broadcasts.join(self._snapshot)
        try:
            while True:
                fresh = broadcast.next - (1 if broadcast.ended else 0)
                yield broadcast.opening()
                async for batch in self._stored(broadcast):
                    yield batch
                place = broadcast.place(self._cursor)
                if place is None:
                    yield [await _final_frame(broadcast)]
                    return
                async for batch in self._shared(broadcast, min(place, fresh), fresh):
                    yield batch
                    if batch[-1].event in _FINAL_EVENTS:
                        return
        finally:
            self._broadcasts.leave(broadcast)

    async def _stored(self, broadcast: Broadcast) -> AsyncGenerator[Sequence[Frame], None]:
        """Stored frames from the cursor to the broadcast's entries, or to the end of the log."""
        while broadcast.place(self._cursor) is None and not self._services.stopping.is_set():
            try:
                frames = await broadcast.stored.after(self._cursor)
            except AnavaError:
                await asyncio.sleep(_RETRY_SECONDS)
                yield [_PING]
                continue
            for stored_frame in frames:
                self._cursor = stored_frame.last or self._cursor
                yield [stored_frame]
            if not frames and broadcast.ended:
                return
            if not frames:
                broadcast.follow(self._cursor)
                # The broadcast may follow another store, which has more lines than this store.
                is_there = broadcast.place(self._cursor) is not None
                await asyncio.sleep(0 if is_there else _RETRY_SECONDS)

    async def _shared(
        self, broadcast: Broadcast, number: int, fresh: int
    ) -> AsyncGenerator[Sequence[Frame], None]:
        """Entries from a number, until the next entry has left the ring.

        Entries before `fresh` are reduced to log lines: the opening contains the rest.
        """
        while number >= broadcast.first:
            entries = broadcast.entries(number, _SEND_BYTES)
            old = max(0, fresh - number)
            number += len(entries)
            unsent = [*(entry for entry in entries[:old] if entry.frame.last), *entries[old:]]
            if frames := list(self._advance(unsent)):
                yield frames
            if not entries and not await _has_new_entry(broadcast):
                yield [_PING]

    def _advance(self, entries: Iterable[Entry]) -> Iterable[Frame]:
        """The entries' frames without the lines that were sent before; moves the cursor."""
        for entry in entries:
            last = entry.frame.last
            if last is None or entry.after is None or entry.after >= self._cursor:
                yield entry.frame
            elif last > self._cursor:
                yield lines_after(entry.frame, self._cursor)
            self._cursor = max(self._cursor, last or self._cursor)


async def _final_frame(broadcast: Broadcast) -> Frame:
    """The `bye` for a viewer that lacks lines at the end of the broadcast."""
    while not broadcast.ended:
        await broadcast.next_entry()
    last = broadcast.entries(broadcast.next - 1, 1)[0].frame
    return last if last.event == "bye" else BEHIND


async def _has_new_entry(broadcast: Broadcast) -> bool:
    """Wait for an entry; False when a ping is due first."""
    try:
        async with asyncio.timeout(_PING_SECONDS):
            await broadcast.next_entry()
    except TimeoutError:
        return False
    return True
