"""Logs as tests make them: lines that only their ids tell apart, and their end records."""

import hashlib
from pathlib import Path

from adapters.local.event_file import EVENT_FILE, EventFile
from deployments.events import EndKind, EndRecord, EventChunk, EventId

__all__ = ["START", "EventFileSink", "chunk", "end_of", "sealed"]

START = EventId(0, 0)


def chunk(step: int, first: int, last: int) -> EventChunk:
    lines = (b'{"id":"%d-%d","text":"x"}\n' % (step, line) for line in range(first, last + 1))
    return EventChunk(step, first, last, b"".join(lines))


def sealed(step: int, lines: int, end: EndKind = EndKind.COMPLETE) -> tuple[EndRecord, EventChunk]:
    """An end record, and the chunk that holds it."""
    sha256 = hashlib.sha256(chunk(step, 1, lines).data).hexdigest()
    record = EndRecord(step, end, lines, sha256)
    return record, EventChunk(step, lines + 1, lines + 1, record.encode())


def end_of(lines: int) -> EndKind:
    """The end of a step with so many lines: without lines terraform did not start."""
    return EndKind.COMPLETE if lines else EndKind.NOT_STARTED


class EventFileSink:
    """Writes event files below a run root, as the worker's event log does, by chunks."""

    name = "local"
    chunk_bytes = 256 * 1024
    gather_seconds = 0.0

    def __init__(self, run_root: Path) -> None:
        self._run_root = run_root

    async def generation(self) -> str:
        return ""

    async def write(self, deployment: str, chunk: EventChunk) -> int:
        folder = self._run_root / deployment / "steps" / str(chunk.step)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = EventFile(folder / EVENT_FILE)
        try:
            if chunk.first <= file.lines + 1:
                file.append(chunk.data.splitlines()[file.lines + 1 - chunk.first :])
            return file.lines
        finally:
            file.close()

    async def seal(self, deployment: str, record: EndRecord) -> int:
        line = record.id.line
        return await self.write(deployment, EventChunk(record.step, line, line, record.encode()))
