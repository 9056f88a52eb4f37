"""The events of a deployment, read and encoded once for all viewers of this process.

A viewer reads from the store until the ring has an entry for its cursor, then continues with the
shared entries. A viewer whose next entry has left the ring reads from the store again. The cursor
is the id of the last line that was sent, so no line is lost or repeated.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from itertools import islice

from api.services.container import Services
from api.services.deployment_view import to_body
from api.streaming.frames import Frame, frame, log_frames
from api.streaming.stored_frames import StoredFrames
from deployments.errors import AnavaError, NotFound, Unavailable
from deployments.events import EventId
from deployments.execution import DeploymentSnapshot
from deployments.labels import source_label
from deployments.step import Resource

__all__ = ["BEHIND", "Broadcast", "BroadcastRegistry", "Entry", "has_all"]

_log = logging.getLogger("anava.api.stream")

# Poll interval for changes that raise no event, and the pause after a failed read.
_POLL_SECONDS = 1.0
# A log whose writer was killed has no end record; the stream ends so long after the last line.
_SILENT_LOG_SECONDS = 5.0
# A store that answers again gets its lines within 30 s, the longest pause of the shipper. Twice as
# long without a line: the store lacks lines that the result counts, and the viewers come back.
_LAGGING_LOG_SECONDS = 60.0
# The first line after a pause is sent at once; later lines are batched: 5 ms for a few viewers,
# 200 ms for a thousand, since each viewer costs a write of about 0.1 ms.
_BATCH_SECONDS = 0.005
_BATCH_SECONDS_PER_VIEWER = 0.0002
_MAX_BATCH_SECONDS = 0.2
# A viewer that is further behind reads from the store: some seconds of a fast log.
_RING_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class Entry:
    """A shared frame; `ends` marks the last entry of the broadcast.

    A log frame has the lines after `after` up to and including `frame.last`.
    """

    frame: Frame
    after: EventId | None = None
    ends: bool = False


# The deployment ended while the store lacked lines.
BEHIND = frame("bye", {"reason": "behind"})
_BROKEN = Entry(frame("bye", {"reason": "stream_broke"}), ends=True)


class Broadcast:
    """The shared entries of a deployment, from the first viewer's request to the last viewer."""

    def __init__(self, services: Services, snapshot: DeploymentSnapshot) -> None:
        self.snapshot = snapshot
        self.viewers = 0
        # Whether the last entry is final.
        self.ended = False
        self.resources: dict[str, Resource] = {}
        self.stored = StoredFrames(services.logs, snapshot.id)
        # The number of the first entry that is still in the ring.
        self.first = 0
        self._services = services
        self._ring: deque[Entry] = deque()
        self._size = 0
        self._new_entry = asyncio.Event()
        self._changed = asyncio.Event()
        self._terminal = asyncio.Event()
        self._log_grew = asyncio.Event()
        # The entries have the lines after `_from`; None until a viewer has read the stored log.
        self._from: EventId | None = None
        self._at = EventId(0, 0)
        self._source = self._usual_source = services.logs.name.partition(",")[0]
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def next(self) -> int:
        """The number of the next entry."""
        return self.first + len(self._ring)

    def start(self) -> None:
        """Publish changes of status and resources; `follow` adds the log."""
        work = (
            self._publish_statuses(),
            self._await_history(),
            self._publish_resources(),
            self._publish_bye(),
        )
        self._tasks = [asyncio.create_task(self._guarded(coroutine)) for coroutine in work]

    def follow(self, after: EventId) -> None:
        """Publish the log after this id, unless the log is published already."""
        if self._from is None:
            self._from = self._at = after
            for coroutine in (self._publish_logs(), self._poll_source(), self._publish_end()):
                self._tasks.append(asyncio.create_task(self._guarded(coroutine)))

    def place(self, cursor: EventId) -> int | None:
        """The number of the entry that continues after the cursor; None if the ring lacks it."""
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

    def entries(self, number: int, max_bytes: int) -> list[Entry]:
        """Entries from a number that is in the ring, until their size reaches `max_bytes`."""
        entries: list[Entry] = []
        for entry in islice(self._ring, number - self.first, None):
            if max_bytes <= 0:
                break
            entries.append(entry)
            max_bytes -= len(entry.frame.sse)
        return entries

    def opening(self) -> list[Frame]:
        """A full snapshot: the status, all resources, and the source if it is not the usual."""
        frames = [frame("status", to_body(self.snapshot).model_dump())]
        if self.resources:
            resources = [vars(resource) for resource in self.resources.values()]
            frames.append(frame("resource", {"changes": resources}))
        if self._source != self._usual_source:
            frames.append(self._source_frame())
        return frames

    async def next_entry(self) -> None:
        """Return at the next new entry."""
        await self._new_entry.wait()

    async def publish_resource_changes(self) -> None:
        """Read the progress and publish the resources that changed."""
        progress = await self._services.progress.latest(self.snapshot.id)
        resources = progress.resources if progress else []
        changes = [
            resource for resource in resources if self.resources.get(resource.address) != resource
        ]
        if changes:
            self.resources.update({change.address: change for change in changes})
            content = {"changes": [vars(change) for change in changes]}
            self._publish(Entry(frame("resource", content)))

    def _source_frame(self) -> Frame:
        label = self._services.placement.log_elsewhere(self.snapshot)
        if not label:
            store = self._services.source_labels.get(self._source, self._source)
            label = source_label(store, again=self._source == self._usual_source)
        return frame("source", {"source": self._source, "label": label})

    def close(self) -> None:
        """Cancel all tasks without waiting, since the caller itself may be cancelled."""
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
            oldest = self._ring.popleft()
            self.first += 1
            self._size -= len(oldest.frame.sse)
            if oldest.frame.last is not None:
                self._from = oldest.frame.last
        # Wakes the waiting viewers; other viewers read the ring before they wait.
        self._new_entry.set()
        self._new_entry.clear()

    async def _guarded(self, work: Coroutine[object, object, None]) -> None:
        """Run a task; an exception ends the stream with `bye`, and the viewers reconnect."""
        try:
            await work
        except asyncio.CancelledError:
            raise
        except NotFound:
            self._publish(_BROKEN)
        except Exception:  # noqa: BLE001 - logged; the viewers reconnect
            _log.exception("the stream of %s failed", self.snapshot.id)
            self._publish(_BROKEN)

    async def _publish_statuses(self) -> None:
        while not self.snapshot.is_terminal:
            try:
                async with asyncio.timeout(_POLL_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                pass
            self._changed.clear()
            try:
                snapshot = await self._services.deployments.get(
                    self.snapshot.caller, self.snapshot.id
                )
            except Unavailable:
                continue
            if snapshot != self.snapshot:
                self.snapshot = snapshot
                self._publish(Entry(frame("status", to_body(snapshot).model_dump())))
        self._terminal.set()

    async def _await_history(self) -> None:
        while not self._terminal.is_set():
            try:
                async with aclosing(
                    self._services.deployments.changes(self.snapshot.id)
                ) as changes:
                    async for _ in changes:
                        self._changed.set()
            except Unavailable:
                _log.info("the history of %s is unavailable now", self.snapshot.id)
            await asyncio.sleep(_POLL_SECONDS)

    async def _publish_resources(self) -> None:
        while not self._terminal.is_set():
            await self.publish_resource_changes()
            await asyncio.sleep(_POLL_SECONDS)

    async def _publish_logs(self) -> None:
        while True:
            try:
                async for chunks in self._services.logs.follow(self.snapshot.id, self._at):
                    self._publish_log(b"".join(chunk.data for chunk in chunks))
                    await asyncio.sleep(self._batch_seconds())
            except AnavaError as error:
                _log.warning("the log of %s is unavailable now: %s", self.snapshot.id, error)
            await asyncio.sleep(_POLL_SECONDS)

    async def _poll_source(self) -> None:
        while True:
            self._publish_source()
            await asyncio.sleep(_POLL_SECONDS)

    def _publish_source(self) -> None:
        if self._services.placement.log_elsewhere(self.snapshot):
            # The deployment has reached another host after the stream began.
            source = f"host:{self.snapshot.host}"
        else:
            source = self._services.logs.reading(self.snapshot.id)
        if source != self._source:
            self._source = source
            self._publish(Entry(self._source_frame()))

    def _publish_log(self, data: bytes) -> None:
        # The source event precedes the source's first line.
        self._publish_source()
        entries = []
        for encoded, last in log_frames(data):
            entries.append(Entry(encoded, self._at))
            self._at = last
        self._publish(*entries)
        self._log_grew.set()

    def _batch_seconds(self) -> float:
        seconds = _BATCH_SECONDS + self.viewers * _BATCH_SECONDS_PER_VIEWER
        return min(_MAX_BATCH_SECONDS, seconds)

    async def _publish_end(self) -> None:
        """End the stream at the last end record of the result, and never before it."""
        await self._terminal.wait()
        sealed = self.snapshot.log_end > EventId(0, 0)
        is_whole = await self._reaches_end(_LAGGING_LOG_SECONDS if sealed else _SILENT_LOG_SECONDS)
        await self.publish_resource_changes()
        end = frame("end", {"status": self.snapshot.status})
        self._publish(Entry(end if is_whole or not sealed else BEHIND, ends=True))

    async def _reaches_end(self, silent_seconds: float) -> bool:
        """Wait for the last line; False when no line has come for so long."""
        clock = asyncio.get_running_loop().time
        at, give_up_at = self._at, clock() + silent_seconds
        while not await self._has_all():
            if self._at != at:
                at, give_up_at = self._at, clock() + silent_seconds
            if clock() >= give_up_at:
                return False
            self._log_grew.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(_POLL_SECONDS, give_up_at - clock())):
                    await self._log_grew.wait()
        return True

    async def _has_all(self) -> bool:
        try:
            return await has_all(self._services, self.snapshot, self._at)
        except AnavaError:
            return False

    async def _publish_bye(self) -> None:
        await self._services.stopping.wait()
        self._publish(Entry(frame("bye", {"reason": "server_stopping"}), ends=True))


class BroadcastRegistry:
    """Creates a broadcast for the first viewer of a deployment and closes it after the last."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._running: dict[str, Broadcast] = {}

    def join(self, snapshot: DeploymentSnapshot) -> Broadcast:
        """Add a viewer to the deployment's broadcast; `leave` removes the viewer."""
        broadcast = self._running.get(snapshot.id)
        if broadcast is None or broadcast.ended:
            broadcast = self._running[snapshot.id] = Broadcast(self._services, snapshot)
            broadcast.start()
        broadcast.viewers += 1
        return broadcast

    async def until_changed(self, snapshot: DeploymentSnapshot, seconds: float) -> None:
        """Return when the deployment differs from the snapshot, or after so many seconds."""
        broadcast = self.join(snapshot)
        try:
            async with asyncio.timeout(seconds):
                while broadcast.snapshot == snapshot and not broadcast.ended:
                    await broadcast.next_entry()
        except TimeoutError:
            return
        finally:
            self.leave(broadcast)

    def leave(self, broadcast: Broadcast) -> None:
        """Remove a viewer; the last viewer closes the broadcast."""
        broadcast.viewers -= 1
        if broadcast.viewers:
            return
        broadcast.close()
        if self._running.get(broadcast.snapshot.id) is broadcast:
            del self._running[broadcast.snapshot.id]


async def has_all(services: Services, snapshot: DeploymentSnapshot, cursor: EventId) -> bool:
    """Whether the deployment has ended and its log has no event after the cursor.

    False for a log without end records, which may still grow.
    """
    if not snapshot.is_terminal or cursor < snapshot.log_end or snapshot.log_end.step == 0:
        return False
    return not await services.logs.read(snapshot.id, cursor, 1)
