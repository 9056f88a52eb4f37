"""This machine for the API: signs of life of its workers, lost deployments, the disk."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from adapters.local import atomic_files
from adapters.local.interruptions import LocalInterruptions
from deployments.worker_reports import DiskStatus, HostReport

__all__ = ["LocalHostReports", "is_moving", "show_life"]

# A worker shows life every second. The event loop of a busy worker can be late by seconds.
_STALLED_SECONDS = 10.0


def show_life(lock: int) -> None:
    """Set the modification time of a worker's lock file to the boot clock, which is never set."""
    now = int(atomic_files.boot_seconds() * 1_000_000_000)
    os.utime(lock, ns=(now, now))


def is_moving(lock: Path) -> bool:
    """Whether the worker of a lock file lives and its event loop turns."""
    return atomic_files.is_locked(lock) and _age_seconds(lock) <= _STALLED_SECONDS


class LocalHostReports:
    """Reads the files of this machine's workers; other machines have an API of their own.

    A worker that is paused or whose event loop is blocked still polls Temporal by its threads, or
    did so seconds ago, so that Temporal's own reports show such a worker as running.
    """

    def __init__(
        self, run_root: Path, data: Path, disk: Callable[[], DiskStatus] | None = None
    ) -> None:
        self._workers = run_root / "workers"
        self._interruptions = LocalInterruptions(data)
        self._disk = disk

    async def current(self) -> HostReport:
        """Return the report of this machine."""
        return await asyncio.to_thread(self._current)

    def _current(self) -> HostReport:
        return HostReport(
            stalled_workers=[
                lock.stem
                for lock in sorted(self._workers.glob("*.lock"))
                if atomic_files.is_locked(lock) and _age_seconds(lock) > _STALLED_SECONDS
            ],
            lost_deployments=[
                interruption.deployment
                for interruption in self._interruptions.all()
                if interruption.lost
            ],
            disk=self._disk() if self._disk else None,
        )


def _age_seconds(lock: Path) -> float:
    """The time since the last sign of life; infinite for a worker that has removed its lock."""
    try:
        return atomic_files.boot_seconds() - lock.stat().st_mtime
    except FileNotFoundError:
        return float("inf")
