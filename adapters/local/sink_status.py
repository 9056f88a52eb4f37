"""The status of the log sinks, published in the run root by this machine's workers."""

import asyncio
import time
from pathlib import Path

import msgspec

from adapters.local import atomic_files
from deployments.log_ports import SinkStatus

__all__ = ["LocalSinkStatuses", "sink_status_file"]

# A worker writes its file every 2 s; an older file belongs to a paused or stuck worker.
_STALE_SECONDS = 15.0


def sink_status_file(workers: Path, worker: str) -> Path:
    """The path of a worker's status file."""
    return workers / f"{worker}.sinks.json"


class _Document(msgspec.Struct):
    sinks: list[SinkStatus]


class LocalSinkStatuses:
    """Reads the status of this machine's workers; other machines have an API of their own."""

    def __init__(self, run_root: Path) -> None:
        self._workers = run_root / "workers"

    async def current(self) -> list[SinkStatus]:
        """Return a status per sink, combined over all living workers."""
        return await asyncio.to_thread(self._current)

    def _current(self) -> list[SinkStatus]:
        sinks: dict[str, SinkStatus] = {}
        for lock in sorted(self._workers.glob("*.lock")):
            # A free lock means a dead worker, whose backlog another worker has taken over.
            if atomic_files.is_locked(lock):
                for sink in _read(sink_status_file(self._workers, lock.stem)):
                    known = sinks.get(sink.name)
                    sinks[sink.name] = _combined(known, sink) if known else sink
        return list(sinks.values())


def _read(path: Path) -> list[SinkStatus]:
    """Read a file, which the writer replaces atomically; empty when missing, stale or invalid."""
    try:
        if time.time() - path.stat().st_mtime > _STALE_SECONDS:
            return []
        return msgspec.json.decode(path.read_bytes(), type=_Document).sinks
    except (FileNotFoundError, msgspec.MsgspecError, UnicodeDecodeError):
        return []


def _combined(first: SinkStatus, second: SinkStatus) -> SinkStatus:
    """Add the backlogs of two workers and take the longer delay."""
    latest = max(first, second, key=lambda status: status.late_seconds)
    return SinkStatus(
        name=first.name,
        steps=first.steps + second.steps,
        position=latest.position,
        behind_lines=first.behind_lines + second.behind_lines,
        late_seconds=latest.late_seconds,
        error=first.error or second.error,
    )
