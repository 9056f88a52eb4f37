"""The log on this machine: the event files below the run root."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from adapters.local.event_file import EVENT_FILE, EventFile, EventReader, has_end
from adapters.local.inotify import FileChanges
from adapters.terraform.output.events import end_record
from deployments.events import EventChunk, EventId, Seal

__all__ = ["LocalLogSink", "LocalLogSource"]

# A wake-up that was missed (a folder made between two looks) costs no more than this.
_LOOK_SECONDS = 1.0
# One frame of the stream holds 64 KiB (DESIGN section 8); a reader takes a few at once.
_FOLLOW_BYTES = 256 * 1024
# Readers who go through a log just now; a cursor is small and holds no file open.
_MOST_RESTING = 64


class LocalLogSink:
    """Writes event files. In a worker the step's log has written them already, so nothing is."""

    name = "local"
    chunk_bytes = 256 * 1024
    gather_seconds = 0.0

    def __init__(self, run_root: Path) -> None:
        self._run_root = run_root

    async def generation(self) -> str:
        """Port `LogSink`; what was written stays."""
        return ""

    async def write(self, deployment: str, chunk: EventChunk) -> int:
        """Port `LogSink`."""
        file = self._open(deployment, chunk.step)
        try:
            if chunk.first <= file.lines + 1:
                file.write(chunk)
            return file.lines
        finally:
            file.close()

    async def seal(self, deployment: str, seal: Seal) -> int:
        """Port `LogSink`."""
        line = seal.lines + 1
        end = EventChunk(seal.step, line, line, end_record(seal) + b"\n")
        return await self.write(deployment, end)

    def _open(self, deployment: str, step: int) -> EventFile:
        folder = self._run_root / deployment / "steps" / str(step)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return EventFile(folder / EVENT_FILE)


class _Cursor:
    """One reader's way through the steps of a deployment."""

    def __init__(self, run_root: Path, deployment: str, after: EventId) -> None:
        self._steps = run_root / deployment / "steps"
        self._at = after
        self._reader: tuple[int, EventReader] | None = None
        self._ended = 0

    def read(self, most_bytes: int) -> list[EventChunk]:
        chunks: list[EventChunk] = []
        left = most_bytes
        for step in self._numbers():
            line = self._at.line if step == self._at.step else 0
            while left > 0 and (chunk := self._open(step).after(line, left)):
                chunks.append(chunk)
                left -= len(chunk.data)
                line = chunk.last
                self._at = chunk.id
            # The next step starts only when this one has its end record, or order were lost.
            if left <= 0 or not self._has_ended(step):
                break
        return chunks

    def folder(self) -> Path:
        """Where the next change will be seen."""
        numbers = self._numbers()
        return self._steps / str(numbers[0]) if numbers else self._steps

    def _numbers(self) -> list[int]:
        """Steps at and behind the cursor, with a log or with none yet."""
        try:
            names = [path.name for path in self._steps.iterdir()]
        except FileNotFoundError:
            return []
        found = (int(name) for name in names if name.isdigit())
        start = max(self._at.step, self._ended + 1)
        return sorted(number for number in found if number >= start)

    def _open(self, step: int) -> EventReader:
        if self._reader is None or self._reader[0] != step:
            path = self._steps / str(step) / EVENT_FILE
            self._reader = (step, EventReader(path, step))
        return self._reader[1]

    def _has_ended(self, step: int) -> bool:
        if has_end(self._steps / str(step) / EVENT_FILE):
            # Nothing was left unread above unless it came in between: read once more.
            line = self._at.line if step == self._at.step else 0
            if self._open(step).after(line, 1) is None:
                self._ended = step
                return True
            self._reader = None
        return False


class LocalLogSource:
    """Reads event files, woken by changes."""

    name = "local"

    def __init__(self, run_root: Path, changes: FileChanges) -> None:
        self._run_root = run_root
        self._changes = changes
        self._resting: dict[tuple[str, EventId], _Cursor] = {}

    def reading(self, deployment: str) -> str:
        """Port `LogSource`."""
        return self.name

    async def read(self, deployment: str, after: EventId, most_bytes: int) -> list[EventChunk]:
        """Port `LogSource`."""
        # Whoever reads a log in pages goes on where the last one ended; else each page of a million
        # lines would read the file from its start (11 s instead of 0.4 s, measured).
        cursor = self._resting.pop((deployment, after), None)
        cursor = cursor or _Cursor(self._run_root, deployment, after)
        chunks = await asyncio.to_thread(cursor.read, most_bytes)
        if chunks:
            if len(self._resting) >= _MOST_RESTING:
                del self._resting[next(iter(self._resting))]
            self._resting[deployment, chunks[-1].id] = cursor
        return chunks

    async def follow(self, deployment: str, after: EventId) -> AsyncIterator[list[EventChunk]]:
        """Port `LogSource`."""
        cursor = _Cursor(self._run_root, deployment, after)
        while True:
            try:
                async for chunks in self._follow_folder(cursor):
                    yield chunks
            except FileNotFoundError:
                # Not started yet; the run directory is made in one move, so this ends by itself.
                await asyncio.sleep(0.05)

    async def _follow_folder(self, cursor: _Cursor) -> AsyncIterator[list[EventChunk]]:
        """Follow until the next change will be seen in another folder."""
        folder = cursor.folder()
        with self._changes.watch(folder) as watch:
            while True:
                while chunks := await asyncio.to_thread(cursor.read, _FOLLOW_BYTES):
                    yield chunks
                if cursor.folder() != folder:
                    return
                await watch.changed(_LOOK_SECONDS)
