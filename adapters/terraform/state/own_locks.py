"""Removes the state locks that dead terraforms of this service left.

A lock in a bucket outlives a killed terraform, and a terraform that lost the answer to its own
request for a lock. A lock is ours when it names the machine of a run and was made between the start
and the end of that run; a foreign lock is never removed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from adapters.local import atomic_files
from adapters.terraform.state.backends import StateBackend
from adapters.terraform.state.gcs import StateLock

__all__ = ["TerraformRun", "dead_runs", "free_own_lock"]


@dataclass(frozen=True)
class TerraformRun:
    """An ended terraform: its machine, and start and end in RFC 3339."""

    hostname: str
    started_at: str
    ended_at: str

    def made(self, lock: StateLock) -> bool:
        """Whether this terraform made the lock, by machine and time."""
        if lock.host != self.hostname or not self.hostname:
            return False
        started_at, ended_at = map(datetime.fromisoformat, (self.started_at, self.ended_at))
        return started_at <= lock.created_at <= ended_at


def dead_runs(folders: Sequence[Path]) -> list[TerraformRun]:
    """The terraforms of these step folders that may have left a lock.

    A terraform with the exit code 0 has released its lock.
    """
    return [run for folder in folders if (run := _dead_run(folder)) is not None]


def free_own_lock(state: StateBackend, runs: Sequence[TerraformRun]) -> bool:
    """Remove the lock of the state if a run made it; returns whether it did. Blocks.

    Raises:
        Unavailable: the store does not answer.
    """
    lock = state.lock() if state.lock_outlives_holder and runs else None
    if lock is None or not any(run.made(lock) for run in runs):
        return False
    return state.unlock(lock)


def _dead_run(folder: Path) -> TerraformRun | None:
    started = atomic_files.read(folder / "started.json")
    ended = atomic_files.read(folder / "exit.json")
    if started is None or ended is None or ended.get("exit_code") == 0:
        return None
    return TerraformRun(
        str(started.get("hostname")), str(started.get("started_at")), str(ended.get("ended_at"))
    )
