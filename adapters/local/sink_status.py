"""How the sinks of this machine's workers are, as they say it in the run root."""

import asyncio
import time
from pathlib import Path

import msgspec

from adapters.local import atomic_files
from deployments.log_ports import SinkStatus

__all__ = ["LocalSinkStatuses", "sink_status_file"]

# A worker says it every 2 s; one that has not for so long is busy, paused or stuck.
_SILENT_SECONDS = 15.0


def sink_status_file(workers: Path, worker: str) -> Path:
    """The file in which a worker publishes the status of its sinks."""
    return workers / f"{worker}.sinks.json"


class _Told(msgspec.Struct):
    sinks: list[SinkStatus]


class LocalSinkStatuses:
    """Port `SinkStates`. Workers of other machines are not seen: their own API sees them."""

    def __init__(self, run_root: Path) -> None:
        self._workers = run_root / "workers"

    async def latest(self) -> list[SinkStatus]:
        """Port `SinkStates`."""
        return await asyncio.to_thread(self._look)

    def _look(self) -> list[SinkStatus]:
        found: dict[str, SinkStatus] = {}
        for lock in sorted(self._workers.glob("*.lock")):
            # A free lock is a dead worker; what it could not ship is another one's by now.
            if atomic_files.is_locked(lock):
                for item in _read(sink_status_file(self._workers, lock.stem)):
                    found[item.name] = (
                        _joined(found[item.name], item) if item.name in found else item
                    )
        return list(found.values())


def _read(path: Path) -> list[SinkStatus]:
    """Nothing when it is missing or none of ours. The writer puts it in place whole."""
    try:
        if time.time() - path.stat().st_mtime > _SILENT_SECONDS:
            return []
        return msgspec.json.decode(path.read_bytes(), type=_Told).sinks
    except (FileNotFoundError, msgspec.MsgspecError, UnicodeDecodeError):
        return []


def _joined(one: SinkStatus, other: SinkStatus) -> SinkStatus:
    """Over two workers: what they owe together, and the longest wait."""
    later = max(one, other, key=lambda state: state.late_seconds)
    return SinkStatus(
        name=one.name,
        steps=one.steps + other.steps,
        position=later.position,
        behind_lines=one.behind_lines + other.behind_lines,
        late_seconds=later.late_seconds,
        error=one.error or other.error,
    )
