"""A step's event file and the cursor of each sink in it.

No claim is needed: a sink stores each line once, from any worker, and reports the last line.
"""

import asyncio
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from adapters.local import atomic_files
from adapters.local.event_file import EVENT_FILE, EventReader, read_end_record
from adapters.local.inotify import FileChanges, FileWatch
from adapters.local.progress import PROGRESS_FILE
from deployments.errors import RunDirectoryBroken
from deployments.events import EndRecord, EventChunk, EventId
from deployments.step import StepKey

__all__ = ["StepLogFile", "sinks_behind"]

_NAMES = frozenset({EVENT_FILE})
# Poll interval until the supervisor has made the folder of the step.
_NO_FOLDER_SECONDS = 0.1


class StepLogFile:
    """The log of a step as the shipper reads it; the files may not exist yet."""

    def __init__(self, folder: Path, key: StepKey, changes: FileChanges) -> None:
        self._folder = folder
        self.key = key
        self._changes = changes
        self._readers: dict[str, EventReader] = {}
        self._watch: FileWatch | None = None
        self._resources = ExitStack()

    def end_record(self) -> EndRecord | None:
        """The end record; None before."""
        return read_end_record(self._folder / EVENT_FILE)

    def next_chunk(self, sink: str, max_bytes: int) -> EventChunk | None:
        """The lines after the cursor of a sink; None when there are none."""
        path = self._folder / EVENT_FILE
        reader = self._readers.setdefault(sink, EventReader(path, self.key.step))
        return reader.after(self.position(sink), max_bytes)

    def position(self, sink: str) -> int:
        """The last line that the sink has stored."""
        line = _read_cursor(self._folder, sink).get("line", 0)
        return line if isinstance(line, int) else 0

    def advance(self, sink: str, line: int) -> None:
        """Set the cursor of a sink, also backwards."""
        self._write_cursor(sink, line, sealed=False)

    def finish(self, sink: str, record: EndRecord, generation: str) -> None:
        """Record that the sink has sealed the log; another generation ships the log again."""
        self._write_cursor(sink, record.id.line, sealed=True, generation=generation)

    def ended_seconds(self) -> float:
        """Seconds since the end record was written; 0 before."""
        path = self._folder / EVENT_FILE
        return max(0.0, time.time() - path.stat().st_mtime) if read_end_record(path) else 0.0

    def abandon(self, sink: str, reason: str) -> None:
        """Record that the sink gets no more of this log."""
        self._write_cursor(sink, self.position(sink), sealed=False, given_up=reason)

    def lines(self) -> int:
        """The number of lines, end record included; up to 1 s old while the step runs."""
        if record := self.end_record():
            return record.id.line
        progress = atomic_files.read(self._folder / PROGRESS_FILE) or {}
        return EventId.parse(str(progress.get("until", "0-0"))).line

    async def changed(self, seconds: float) -> None:
        """Return after a change of the event file, or after a number of seconds."""
        if not self._folder.is_dir():
            await asyncio.sleep(min(seconds, _NO_FOLDER_SECONDS))
            return
        if self._watch is None:
            # The watch reports later changes; the caller reads the file again for earlier ones.
            self._watch = self._resources.enter_context(self._changes.watch(self._folder, _NAMES))
            return
        await self._watch.changed(seconds)

    def close(self) -> None:
        """End the watch."""
        self._resources.close()
        self._watch = None

    def _write_cursor(self, sink: str, line: int, *, sealed: bool, **more: str) -> None:
        path = _cursor(self._folder, sink)
        path.parent.mkdir(exist_ok=True, mode=0o700)
        atomic_files.replace(path, {"line": line, "sealed": sealed, **more})


def sinks_behind(
    folder: Path, generations: Mapping[str, str | None], keep_seconds: float
) -> list[str]:
    """The sinks that lack lines of an ended step; empty while the step runs.

    A log older than `keep_seconds` is not shipped again to a sink that has lost the log, which
    `generations` shows by the sink's name. A sink without a generation does not respond, and may
    have lost a younger log; after its return `PendingWork` finds an older one.
    """
    path = folder / EVENT_FILE
    if read_end_record(path) is None:
        return []
    old = time.time() - path.stat().st_mtime > keep_seconds
    return [
        sink
        for sink, generation in generations.items()
        if not _has_all(_read_cursor(folder, sink), generation, old=old)
    ]


def _has_all(cursor: dict[str, object], generation: str | None, *, old: bool) -> bool:
    if cursor.get("given_up") or (generation is None and old):
        return True
    return cursor.get("sealed") is True and (old or cursor.get("generation", "") == generation)


def _read_cursor(folder: Path, sink: str) -> dict[str, object]:
    """The cursor file; empty when absent or unreadable, since the sink reports the last line."""
    try:
        return atomic_files.read(_cursor(folder, sink)) or {}
    except RunDirectoryBroken:
        return {}


def _cursor(folder: Path, sink: str) -> Path:
    return folder / "cursors" / f"{sink}.json"
