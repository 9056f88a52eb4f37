"""Reads a stored log in pages, forwards and backwards, or all of it as a download."""

import json
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

from deployments.errors import Unavailable
from deployments.events import EventId
from deployments.log_ports import LogSource
from deployments.log_text import full_text, text_line

__all__ = ["EventPage", "LogReader"]

# Read at once; a page may need several.
_READ_BYTES = 256 * 1024
# A page with huge lines ends early rather than filling the memory.
_MOST_PAGE_BYTES = 8 * 1024 * 1024
# A download goes out in parts, so that it needs no more memory than one.
_PART_LINES = 500


@dataclass(frozen=True)
class EventPage:
    """Events as stored; `cursor` is the last that was read, `previous` the first that is shown.

    `more`: there are events behind the cursor.
    """

    events: list[bytes]
    cursor: EventId
    previous: str
    more: bool


class LogReader:
    """One deployment's log.

    Args:
        source: where it is read from.
        deployment: whose.
    """

    def __init__(self, source: LogSource, deployment: str) -> None:
        self.deployment = deployment
        self._source = source

    async def forward(self, after: EventId, limit: int) -> EventPage:
        """Events behind a cursor."""
        events: list[bytes] = []
        cursor, first, size = after, "", 0
        async for at, raw in self._events(after):
            if len(events) >= limit or size > _MOST_PAGE_BYTES:
                return EventPage(events, cursor, _behind_start(first), more=True)
            cursor = at
            if not _is_end(raw):
                first = first or str(at)
                events.append(raw)
                size += len(raw)
        return EventPage(events, cursor, _behind_start(first), more=False)

    async def backward(self, before: EventId, limit: int) -> EventPage:
        """The last events in front of one."""
        # Lines have no holes, so mostly few are read.
        start = EventId(before.step, max(0, before.line - 1 - limit))
        found = await self._last(start, before, limit)
        if len(found) < limit:
            # The page begins in a step before: one pass over all of them.
            found = await self._last(EventId(0, 0), before, limit)
        while len(found) > 1 and sum(len(raw) for _, raw in found) > _MOST_PAGE_BYTES:
            found.popleft()
        if not found:
            return EventPage([], EventId(0, 0), "", more=True)
        previous = _behind_start(str(found[0][0]))
        return EventPage([raw for _, raw in found], found[-1][0], previous, more=True)

    async def _last(
        self, after: EventId, before: EventId, limit: int
    ) -> deque[tuple[EventId, bytes]]:
        found: deque[tuple[EventId, bytes]] = deque(maxlen=limit)
        async for at, raw in self._events(after):
            if at >= before:
                break
            if not _is_end(raw):
                found.append((at, raw))
        return found

    async def parts(
        self, after: EventId, limit: int | None, *, as_text: bool
    ) -> AsyncIterator[bytes]:
        """All events behind a cursor that are there now, in parts of a few hundred lines."""
        left = limit
        lines: list[bytes] = []
        async for _, raw in self._events(after):
            if left == 0:
                break
            if _is_end(raw):
                continue
            left = None if left is None else left - 1
            lines.append(_as_text(raw) if as_text else raw + b"\n")
            if len(lines) >= _PART_LINES:
                yield b"".join(lines)
                lines = []
        yield b"".join(lines)

    async def _events(self, after: EventId) -> AsyncIterator[tuple[EventId, bytes]]:
        while chunks := await self._source.read(self.deployment, after, _READ_BYTES):
            for chunk in chunks:
                if chunk.step == after.step and chunk.first > after.line + 1:
                    raise Unavailable(f"the log lacks line {after.line + 1}")
                for line, raw in enumerate(chunk.data.splitlines(), chunk.first):
                    yield EventId(chunk.step, line), raw
                after = chunk.id


def _behind_start(first: str) -> str:
    return "" if first == "1-1" else first


def _as_text(raw: bytes) -> bytes:
    event = json.loads(raw)
    text = full_text(event["text"], event.get("diagnostic"), event.get("truncated_bytes", 0))
    line = text_line(event["time"], event["level"], event["phase"], text)
    return line.encode("utf-8", "replace")


def _is_end(raw: bytes) -> bool:
    """An end record is `{"id":…,"end":…`; a text cannot look so, its quotes are escaped."""
    return raw.partition(b",")[2].startswith(b'"end":')
