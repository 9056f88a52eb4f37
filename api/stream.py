"""A deployment as Server-Sent Events (DESIGN section 8, "Stream").

Four tasks fill one bounded queue, one reader sends it. A viewer that cannot keep up fills its own
queue and nobody else's; its cursor is the id of the last frame it got.

Who ends it: `end` (terminal and its log is read), `bye` (the server stops), or the client, which
cancels the reader and with it all tasks.
"""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterator
from contextlib import aclosing
from dataclasses import asdict

from api.dependencies import Services
from api.view import Seen, body
from deployments.errors import NotFound, Unavailable
from deployments.events import EventId
from deployments.segment import Resource

__all__ = ["Viewer", "has_all", "log_frames"]

_log = logging.getLogger("anava.api.stream")

_PING_SECONDS = 15.0
# The long poll says at once what changed; this is for what it cannot see, and for its failures.
_LOOK_SECONDS = 1.0
# A log whose writer was killed never ends; it is given this long after its last line.
_SILENT_LOG_SECONDS = 5.0
# The first line after a pause goes at once; behind it lines gather (DESIGN: 5 ms for a few).
_GATHER_SECONDS = 0.005
_MOST_LINES = 500
_MOST_BYTES = 64 * 1024
# Frames a slow viewer may be behind before its log is not read on: 16 x 64 KiB.
_MOST_WAITING = 16


class Viewer:
    """One viewer of one deployment.

    Args:
        services: where to read from.
        seen: the deployment as it was found.
        after: the cursor.
    """

    def __init__(self, services: Services, seen: Seen, after: EventId) -> None:
        self._services = services
        self._seen = seen
        self._cursor = after
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(_MOST_WAITING)
        self._changed = asyncio.Event()
        self._moved = asyncio.Event()
        self._terminal = asyncio.Event()
        self._shown: dict[str, Resource] = {}

    async def frames(self) -> AsyncIterator[bytes]:
        """Encoded events until the end."""
        await self._queue.put(_frame("status", body(self._seen).model_dump()))
        work = (
            self._statuses(),
            self._history(),
            self._resources(),
            self._logs(),
            self._pings(),
            self._finish(),
            self._bye(),
        )
        tasks = [asyncio.create_task(self._guarded(one)) for one in work]
        try:
            while (frame := await self._queue.get()) is not None:
                yield frame
        finally:
            # Not awaited: whoever closes a stream may itself be cancelled, and they end alone.
            for task in tasks:
                task.cancel()

    async def _guarded(self, work: Coroutine[object, object, None]) -> None:
        """No task's mistake may leave a viewer waiting for ever: it comes back with its cursor."""
        try:
            await work
        except asyncio.CancelledError:
            raise
        except NotFound:
            await self._queue.put(None)
        except Exception:  # noqa: BLE001 - logged; the viewer reconnects
            _log.exception("the stream of %s broke", self._seen.id)
            await self._queue.put(None)

    async def _statuses(self) -> None:
        while not self._seen.is_terminal:
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                pass
            self._changed.clear()
            try:
                seen = await self._services.deployments.get(self._seen.owner, self._seen.id)
            except Unavailable:
                continue
            if seen != self._seen:
                self._seen = seen
                await self._queue.put(_frame("status", body(seen).model_dump()))
        self._terminal.set()

    async def _history(self) -> None:
        while not self._terminal.is_set():
            try:
                async with aclosing(self._services.deployments.changes(self._seen.id)) as changes:
                    async for _ in changes:
                        self._changed.set()
            except Unavailable:
                _log.info("no history of %s just now", self._seen.id)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _resources(self) -> None:
        while not self._terminal.is_set():
            await self._show_resources()
            await asyncio.sleep(_LOOK_SECONDS)

    async def _show_resources(self) -> None:
        progress = await self._services.progress.latest(self._seen.id)
        entries = progress.resources if progress else []
        changes = [one for one in entries if self._shown.get(one.address) != one]
        if changes:
            self._shown.update({one.address: one for one in changes})
            await self._queue.put(_frame("resource", {"changes": [asdict(one) for one in changes]}))

    async def _logs(self) -> None:
        async with aclosing(_follow(self._services, self._seen.id, self._cursor)) as chunks:
            async for data, last in chunks:
                for frame in log_frames(data):
                    await self._queue.put(frame)
                self._cursor = last
                self._moved.set()

    async def _pings(self) -> None:
        while True:
            await asyncio.sleep(_PING_SECONDS)
            await self._queue.put(_frame("ping", {}))

    async def _finish(self) -> None:
        await self._terminal.wait()
        while not await has_all(self._services, self._seen, self._cursor):
            self._moved.clear()
            try:
                async with asyncio.timeout(_SILENT_LOG_SECONDS):
                    await self._moved.wait()
            except TimeoutError:
                if not self._queue.full():
                    break
        await self._show_resources()
        await self._queue.put(_frame("end", {"status": self._seen.status}))
        await self._queue.put(None)

    async def _bye(self) -> None:
        await self._services.stopping.wait()
        # A full queue belongs to a viewer who does not read; the server does not wait for it.
        while self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(_frame("bye", {"reason": "server_stopping"}))
        await self._queue.put(None)


async def has_all(services: Services, seen: Seen, cursor: EventId) -> bool:
    """Whether the deployment has ended and its log holds nothing behind the cursor.

    A log without any seal is never known to be whole, unless somebody already waited for it.
    """
    if not seen.is_terminal or cursor < seen.log_end or seen.log_end.segment == 0:
        return False
    return not await services.logs.read(seen.id, cursor, 1)


def log_frames(data: bytes) -> Iterator[bytes]:
    """Frames of at most 500 lines or 64 KiB; an end record only moves the id on."""
    lines: list[list[str]] = []
    size, last = 0, ""
    for raw in data.splitlines():
        if lines and (len(lines) >= _MOST_LINES or size + len(raw) > _MOST_BYTES):
            yield _frame("log", {"lines": lines}, last)
            lines, size = [], 0
        event = json.loads(raw)
        last = event["id"]
        size += len(raw)
        if "end" not in event:
            lines.append([last, event["time"], event["level"], event["text"]])
    if last:
        yield _frame("log", {"lines": lines}, last)


async def _follow(
    services: Services, deployment: str, after: EventId
) -> AsyncGenerator[tuple[bytes, EventId], None]:
    async for chunks in services.logs.follow(deployment, after):
        for chunk in chunks:
            yield chunk.data, chunk.id
        await asyncio.sleep(_GATHER_SECONDS)


def _frame(event: str, content: object, last: str = "") -> bytes:
    text = json.dumps(content, separators=(",", ":"))
    head = f"id: {last}\n" if last else ""
    return f"{head}event: {event}\ndata: {text}\n\n".encode("ascii")
