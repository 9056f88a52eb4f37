"""Reads a stored log in pages, forwards and backwards, or as a download."""

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

from deployments.errors import Unavailable
from deployments.events import EventId, decode_event, is_end_record
from deployments.log_ports import LogSource
from deployments.log_text import hole_line, text_line

__all__ = ["LogReader"]

# Size of a read; a page may need several.
_READ_BYTES = 256 * 1024
# A page with huge lines ends early, to limit memory.
_MAX_PAGE_BYTES = 8 * 1024 * 1024
# A download is sent in parts: the memory needed is that of a part.
_PART_LINES = 500


@dataclass(frozen=True)
class EventPage:
    """Events as stored; `cursor` is the last id read, `previous` the first id on the page.

    `more`: there are events after the cursor. `holes`: the end records on the page, as stored, of
    steps whose log lacks lines.
    """

    events: list[bytes]
    cursor: EventId
    previous: str
    more: bool
    holes: list[bytes]


class LogReader:
    """Reads the log of a deployment from a store."""

    def __init__(self, source: LogSource, deployment: str) -> None:
        self.deployment = deployment
        self._source = source

    async def forward(self, after: EventId, limit: int) -> EventPage:
        """The events after an id."""
        events: list[bytes] = []
        holes: list[bytes] = []
        cursor, first, size = after, "", 0
        async for at, raw in self._events(after):
            if len(events) >= limit or size > _MAX_PAGE_BYTES:
                return EventPage(events, cursor, _unless_first(first), more=True, holes=holes)
            cursor = at
            if not is_end_record(raw):
                first = first or str(at)
                events.append(raw)
                size += len(raw)
            elif hole_line(raw):
                holes.append(raw)
        return EventPage(events, cursor, _unless_first(first), more=False, holes=holes)

    async def backward(self, before: EventId, limit: int) -> EventPage:
        """The last events before an id."""
        # Lines have no gaps, so usually the page is in this range.
        start = EventId(before.step, max(0, before.line - 1 - limit))
        page = await self._last(start, before, limit)
        if len(page.events) < limit:
            # The page begins in an earlier step: read the log from the start.
            page = await self._last(EventId(0, 0), before, limit)
        return page

    async def _last(self, after: EventId, before: EventId, limit: int) -> EventPage:
        events: deque[tuple[EventId, bytes]] = deque(maxlen=limit)
        holes: dict[EventId, bytes] = {}
        async for at, raw in self._events(after):
            if at >= before:
                break
            if not is_end_record(raw):
                events.append((at, raw))
            elif hole_line(raw):
                holes[at] = raw
        while len(events) > 1 and sum(len(raw) for _, raw in events) > _MAX_PAGE_BYTES:
            events.popleft()
        first = events[0][0] if events else EventId(0, 0)
        return EventPage(
            [raw for _, raw in events],
            events[-1][0] if events else first,
            _unless_first(str(first)) if events else "",
            more=True,
            holes=[raw for at, raw in holes.items() if at > first],
        )

    async def parts(
        self, after: EventId, limit: int | None, *, as_text: bool
    ) -> AsyncIterator[bytes]:
        """The stored events after an id, in parts of 500 lines: JSON lines or text."""
        left = limit
        lines: list[bytes] = []
        async for _, raw in self._events(after):
            if left == 0:
                break
            ends = is_end_record(raw)
            hole = hole_line(raw) if ends else ""
            if ends and not hole:
                continue
            if left is not None and not ends:
                left -= 1
            lines.append(_as_text(raw, hole) if as_text else raw + b"\n")
            if len(lines) >= _PART_LINES:
                yield b"".join(lines)
                lines = []
        yield b"".join(lines)

    async def _events(self, after: EventId) -> AsyncIterator[tuple[EventId, bytes]]:
        while chunks := await self._source.read(self.deployment, after, _READ_BYTES):
            for chunk in chunks:
                if chunk.step == after.step and chunk.first > after.line + 1:
                    raise Unavailable(f"The log lacks line {after.line + 1}")
                for line, raw in enumerate(chunk.data.splitlines(), chunk.first):
                    yield EventId(chunk.step, line), raw
                after = chunk.id


def _unless_first(first: str) -> str:
    return "" if first == "1-1" else first


def _as_text(raw: bytes, hole: str) -> bytes:
    text = hole or text_line(decode_event(raw))
    return text.encode("utf-8", "replace")
