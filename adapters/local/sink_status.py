"""The status of the log sinks, published in the run root by this machine's workers."""

import asyncio
from pathlib import Path

import msgspec

from adapters.local.host_report import is_moving
from deployments.log_ports import SinkStatus

__all__ = ["LocalSinkStatuses", "sink_status_file"]


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
            # Another worker has taken over the backlog of a dead worker, and a stalled worker's
            # file, written every 2 s, is out of date.
            if is_moving(lock):
                for sink in _read(sink_status_file(self._workers, lock.stem)):
                    known = sinks.get(sink.name)
                    sinks[sink.name] = _combined(known, sink) if known else sink
        return list(sinks.values())


def _read(path: Path) -> list[SinkStatus]:
    """Read a file, which the writer replaces atomically; empty when missing or invalid."""
    try:
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
