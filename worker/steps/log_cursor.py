"""A step's event file on its way to the sinks: where each of them stands.

Needs no claim: a sink takes each line once, whoever brings it, and says itself what it holds.
"""

import asyncio
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import msgspec

from adapters.local import atomic_files
from adapters.local.event_file import EVENT_FILE, EventReader, has_end
from adapters.local.inotify import FileChanges, FileWatch
from deployments.errors import RunDirectoryBroken
from deployments.events import EventChunk, EventId, Seal
from deployments.step import StepKey

__all__ = ["StepLogFile", "sinks_behind"]

_NAMES = frozenset({EVENT_FILE})


class StepLogFile:
    """Port `Shipment`."""

    def __init__(self, folder: Path, key: StepKey, changes: FileChanges) -> None:
        self._folder = folder
        self._key = key
        self._changes = changes
        self._readers: dict[str, EventReader] = {}
        self._watch: FileWatch | None = None
        self._resources = ExitStack()

    @property
    def key(self) -> StepKey:
        """Port `Shipment`; so are all public methods below."""
        return self._key

    def seal(self) -> Seal | None:
        path = self._folder / EVENT_FILE
        return _last_record(path) if has_end(path) else None

    def next_chunk(self, sink: str, most_bytes: int) -> EventChunk | None:
        path = self._folder / EVENT_FILE
        reader = self._readers.setdefault(sink, EventReader(path, self._key.step))
        return reader.after(self.position(sink), most_bytes)

    def position(self, sink: str) -> int:
        line = _read_cursor(self._folder, sink).get("line", 0)
        return line if isinstance(line, int) else 0

    def advance(self, sink: str, line: int) -> None:
        self._keep(sink, line, sealed=False)

    def finish(self, sink: str, seal: Seal, generation: str) -> None:
        self._keep(sink, seal.lines + 1, sealed=True, generation=generation)

    def ended_seconds(self) -> float:
        path = self._folder / EVENT_FILE
        return max(0.0, time.time() - path.stat().st_mtime) if has_end(path) else 0.0

    def give_up(self, sink: str, reason: str) -> None:
        self._keep(sink, self.position(sink), sealed=False, given_up=reason)

    def lines(self) -> int:
        if seal := self.seal():
            return seal.lines + 1
        progress = atomic_files.read(self._folder / "progress.json") or {}
        return EventId.parse(str(progress.get("until", "0-0"))).line

    async def changed(self, seconds: float) -> None:
        if not self._folder.is_dir():
            # The keeper makes it before long.
            await asyncio.sleep(min(seconds, 0.1))
            return
        if self._watch is None:
            # From now on every change is noticed; for what came before, the caller looks again.
            self._watch = self._resources.enter_context(self._changes.watch(self._folder, _NAMES))
            return
        await self._watch.changed(seconds)

    def close(self) -> None:
        self._resources.close()
        self._watch = None

    def _keep(self, sink: str, line: int, *, sealed: bool, **more: str) -> None:
        path = _cursor(self._folder, sink)
        path.parent.mkdir(exist_ok=True, mode=0o700)
        atomic_files.replace(path, {"line": line, "sealed": sealed, **more})


def sinks_behind(folder: Path, generations: Mapping[str, str], keep_seconds: float) -> list[str]:
    """The sinks to which something of an ended step is owed.

    Args:
        folder: of the step.
        generations: of the sinks, by name.
        keep_seconds: a sink that lost a log which is older need not have it again.
    """
    path = folder / EVENT_FILE
    if not has_end(path):
        return []
    old = time.time() - path.stat().st_mtime > keep_seconds
    return [
        sink
        for sink, generation in generations.items()
        if not _has_all(_read_cursor(folder, sink), generation, old=old)
    ]


def _has_all(cursor: dict[str, object], generation: str, *, old: bool) -> bool:
    if cursor.get("given_up"):
        return True
    return cursor.get("sealed") is True and (old or cursor.get("generation") == generation)


def _read_cursor(folder: Path, sink: str) -> dict[str, object]:
    """Empty where there is none, or one that cannot be read: the sink says what it holds."""
    try:
        return atomic_files.read(_cursor(folder, sink)) or {}
    except RunDirectoryBroken:
        return {}


def _cursor(folder: Path, sink: str) -> Path:
    return folder / "cursors" / f"{sink}.json"


def _last_record(path: Path) -> Seal | None:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        # An end record has about 120 bytes.
        file.seek(max(0, size - 256))
        last = file.read()[:-1].rpartition(b"\n")[2]
    content = msgspec.json.decode(last)
    step = int(str(content["id"]).partition("-")[0])
    return Seal(step, content["end"], content["lines"], content["sha256"])
