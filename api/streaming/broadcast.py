"""What happens in one deployment, read once and encoded once for all who watch it here.

A viewer first reads from the store until its cursor has a place in the ring, then goes on with the
shared entries. One that falls so far behind that its next entry has left the ring reads from the
store again; its cursor is the id of the last line it was given, so nothing is lost or seen twice.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine
from contextlib import aclosing
from dataclasses import asdict, dataclass
from itertools import islice

from api.services.container import Services
from api.services.deployment_view import DeploymentSnapshot, to_body
from api.streaming.frames import Frame, frame, log_frames
from api.streaming.stored_frames import StoredFrames
from deployments.errors import AnavaError, NotFound, Unavailable
from deployments.events import EventId
from deployments.labels import source_label
from deployments.step import Resource

__all__ = ["Broadcast", "Entry"]

_log = logging.getLogger("anava.api.stream")

# The long poll says at once what changed; this is for what it cannot see, and for its failures.
_LOOK_SECONDS = 1.0
# A log whose writer was killed never ends; it is given this long after its last line.
_SILENT_LOG_SECONDS = 5.0
# The first line after a pause goes at once; behind it lines gather: 5 ms for a few viewers, 200 ms
# for a thousand (DESIGN section 8), for each viewer is a write of its own (about 0.1 ms).
_GATHER_SECONDS = 0.005
_GATHER_SECONDS_A_VIEWER = 0.0002
_MOST_GATHER_SECONDS = 0.2
# What a viewer may be behind before it reads from the store again: some seconds of a loud log.
_RING_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class Entry:
    """One frame of all. One of the log holds the lines behind `after` up to its `last`."""

    frame: Frame
    after: EventId | None = None
    ends: bool = False


_BROKEN = Entry(frame("bye", {"reason": "stream_broke"}), ends=True)


class Broadcast:
    """One deployment's entries; made for its first viewer, gone with its last.

    Args:
        services: where to read from.
        seen: the deployment as it was found.
    """

    def __init__(self, services: Services, snapshot: DeploymentSnapshot) -> None:
        self.snapshot = snapshot
        self.viewers = 0
        # Nothing follows the last entry any more.
        self.ended = False
        self.resources: dict[str, Resource] = {}
        self.stored = StoredFrames(services.logs, snapshot.id)
        # Number of the first entry in the ring; what came before has left it.
        self.first = 0
        self._services = services
        self._ring: deque[Entry] = deque()
        self._size = 0
        self._news = asyncio.Event()
        self._changed = asyncio.Event()
        self._terminal = asyncio.Event()
        self._moved = asyncio.Event()
        # Lines up to here are in no entry; None while nobody has caught up.
        self._from: EventId | None = None
        self._at = EventId(0, 0)
        self._source = self._usual = services.logs.name.partition(",")[0]
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def next(self) -> int:
        """The number that the next entry will get."""
        return self.first + len(self._ring)

    def start(self) -> None:
        """Watch the status and the resources; the log from `follow` on."""
        work = (self._statuses(), self._history(), self._resources(), self._bye())
        self._tasks = [asyncio.create_task(self._guarded(item)) for item in work]

    def follow(self, after: EventId) -> None:
        """Follow the log from here on, unless it is followed already."""
        if self._from is None:
            self._from = self._at = after
            for item in (self._logs(), self._sources(), self._finish()):
                self._tasks.append(asyncio.create_task(self._guarded(item)))

    def place(self, cursor: EventId) -> int | None:
        """The number of the entry that goes on behind the cursor; None where the ring does not."""
        if self._from is None or cursor < self._from:
            return None
        number = place = self.next
        for entry in reversed(self._ring):
            number -= 1
            if entry.frame.last is not None:
                if entry.frame.last <= cursor:
                    break
                place = number
        return place

    def entries(self, number: int, most_bytes: int) -> list[Entry]:
        """Entries from a number on, which must not have left the ring; about so many bytes."""
        found: list[Entry] = []
        for entry in islice(self._ring, number - self.first, None):
            if most_bytes <= 0:
                break
            found.append(entry)
            most_bytes -= len(entry.frame.sse)
        return found

    def opening(self) -> list[Frame]:
        """A full snapshot: the status, every resource that is known, an unusual source."""
        found = [frame("status", to_body(self.snapshot).model_dump())]
        if self.resources:
            known = [asdict(resource) for resource in self.resources.values()]
            found.append(frame("resource", {"changes": known}))
        if self._source != self._usual:
            found.append(self._reading())
        return found

    async def news(self) -> None:
        """Return when there is a new entry."""
        await self._news.wait()

    async def show_resources(self) -> None:
        """Look at the progress and publish what changed."""
        progress = await self._services.progress.latest(self.snapshot.id)
        entries = progress.resources if progress else []
        changes = [entry for entry in entries if self.resources.get(entry.address) != entry]
        if changes:
            self.resources.update({change.address: change for change in changes})
            content = {"changes": [asdict(item) for item in changes]}
            self._publish(Entry(frame("resource", content)))

    def _reading(self) -> Frame:
        label = source_label(self._source, again=self._source == self._usual)
        return frame("source", {"source": self._source, "label": label})

    def close(self) -> None:
        """End everything; not awaited, since whoever closes may itself be cancelled."""
        for task in self._tasks:
            task.cancel()

    def _publish(self, *entries: Entry) -> None:
        if self.ended:
            return
        for entry in entries:
            self._ring.append(entry)
            self._size += len(entry.frame.sse)
            self.ended = self.ended or entry.ends
        while self._size > _RING_BYTES and len(self._ring) > 1:
            gone = self._ring.popleft()
            self.first += 1
            self._size -= len(gone.frame.sse)
            if gone.frame.last is not None:
                self._from = gone.frame.last
        # Everybody who waits is woken; who comes later looks before waiting.
        self._news.set()
        self._news.clear()

    async def _guarded(self, work: Coroutine[object, object, None]) -> None:
        """No task's mistake may leave viewers waiting for ever: they reconnect and go on."""
        try:
            await work
        except asyncio.CancelledError:
            raise
        except NotFound:
            self._publish(_BROKEN)
        except Exception:  # noqa: BLE001 - logged; the viewers reconnect
            _log.exception("the stream of %s broke", self.snapshot.id)
            self._publish(_BROKEN)

    async def _statuses(self) -> None:
        while not self.snapshot.is_terminal:
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                pass
            self._changed.clear()
            try:
                snapshot = await self._services.deployments.get(
                    self.snapshot.owner, self.snapshot.id
                )
            except Unavailable:
                continue
            if snapshot != self.snapshot:
                self.snapshot = snapshot
                self._publish(Entry(frame("status", to_body(snapshot).model_dump())))
        self._terminal.set()

    async def _history(self) -> None:
        while not self._terminal.is_set():
            try:
                async with aclosing(
                    self._services.deployments.changes(self.snapshot.id)
                ) as changes:
                    async for _ in changes:
                        self._changed.set()
            except Unavailable:
                _log.info("no history of %s just now", self.snapshot.id)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _resources(self) -> None:
        while not self._terminal.is_set():
            await self.show_resources()
            await asyncio.sleep(_LOOK_SECONDS)

    async def _logs(self) -> None:
        while True:
            try:
                async for chunks in self._services.logs.follow(self.snapshot.id, self._at):
                    self._publish_log(b"".join(chunk.data for chunk in chunks))
                    await asyncio.sleep(self._gather_seconds())
            except AnavaError as error:
                _log.warning("the log of %s cannot be read just now: %s", self.snapshot.id, error)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _sources(self) -> None:
        while True:
            self._tell_source()
            await asyncio.sleep(_LOOK_SECONDS)

    def _tell_source(self) -> None:
        now = self._services.logs.reading(self.snapshot.id)
        if now != self._source:
            self._source = now
            self._publish(Entry(self._reading()))

    def _publish_log(self, data: bytes) -> None:
        # Before the first line from there.
        self._tell_source()
        entries = []
        for encoded, last in log_frames(data):
            entries.append(Entry(encoded, self._at))
            self._at = last
        self._publish(*entries)
        self._moved.set()

    def _gather_seconds(self) -> float:
        wanted = _GATHER_SECONDS + self.viewers * _GATHER_SECONDS_A_VIEWER
        return min(_MOST_GATHER_SECONDS, wanted)

    async def _finish(self) -> None:
        await self._terminal.wait()
        while not await self._has_all():
            self._moved.clear()
            try:
                async with asyncio.timeout(_SILENT_LOG_SECONDS):
                    await self._moved.wait()
            except TimeoutError:
                break
        await self.show_resources()
        self._publish(Entry(frame("end", {"status": self.snapshot.status}), ends=True))

    async def _has_all(self) -> bool:
        end = self.snapshot.log_end
        if self._at < end or end.step == 0:
            return False
        try:
            return not await self._services.logs.read(self.snapshot.id, self._at, 1)
        except AnavaError:
            return False

    async def _bye(self) -> None:
        await self._services.stopping.wait()
        self._publish(Entry(frame("bye", {"reason": "server_stopping"}), ends=True))
