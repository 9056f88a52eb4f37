"""Records the state lock of a step's terraform, to remove that lock if terraform is killed.

A lock in a bucket outlives a killed terraform. Only a recorded lock is removed, and only if still
in place; a foreign lock is never removed.
"""

import asyncio
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from adapters.local import atomic_files
from adapters.terraform.state.backends import StateBackend
from adapters.terraform.state.gcs import StateLock
from deployments.errors import Unavailable

__all__ = ["LockRecord"]

_FILE = "lock.json"
# Minimum between two reads of the bucket, since `record` is called for each batch of a log.
_RETRY_SECONDS = 1.0


class LockRecord:
    """The file `lock.json` in a step's folder; `state` is the backend of the step's terraform."""

    def __init__(self, folder: Path, state: StateBackend) -> None:
        self._folder = folder
        self._state = state
        self._recording: asyncio.Task[None] | None = None
        self._retry_at = 0.0

    def record(self) -> None:
        """Record the lock in the background; a missing or foreign lock is read again later.

        To be called after terraform printed a message that implies the lock.
        """
        if not self._state.lock_outlives_holder:
            return
        now = asyncio.get_running_loop().time()
        recording = self._recording is not None and not self._recording.done()
        if recording or now < self._retry_at or (self._folder / _FILE).exists():
            return
        self._retry_at = now + _RETRY_SECONDS
        self._recording = asyncio.create_task(self._record(), name="lock")

    def close(self) -> None:
        """Cancel a recording in progress."""
        if self._recording is not None:
            self._recording.cancel()

    def release(self) -> None:
        """Remove the lock of a dead terraform, if still in place; raises Unavailable."""
        content = atomic_files.read(self._folder / _FILE)
        exit_record = atomic_files.read(self._folder / "exit.json") or {}
        # A successful terraform has unlocked the state: no request is needed.
        if content is None or exit_record.get("exit_code") == 0:
            return
        self._state.unlock(_decode(content))
        (self._folder / _FILE).unlink(missing_ok=True)

    async def _record(self) -> None:
        with suppress(Unavailable):
            lock = await asyncio.to_thread(self._state.lock)
            # Terraform is still alive, so terraform held the lock at the time of the read.
            if lock is not None and self._is_own(lock) and self._is_alive():
                atomic_files.create(self._folder / _FILE, _encode(lock))

    def _is_own(self, lock: StateLock) -> bool:
        """Whether the step's terraform created the lock.

        Between terraform's unlock and exit another process may lock the state.
        """
        started = atomic_files.read(self._folder / "started.json") or {}
        started_at = datetime.fromisoformat(str(started["started_at"]))
        return lock.host == started.get("hostname") and lock.created_at >= started_at

    def _is_alive(self) -> bool:
        ended = (self._folder / "exit.json").exists()
        return not ended and atomic_files.is_locked(self._folder / "alive.lock")


def _encode(lock: StateLock) -> dict[str, object]:
    at = lock.created_at.isoformat()
    return {"generation": lock.generation, "who": lock.who, "created_at": at}


def _decode(content: dict[str, object]) -> StateLock:
    at = datetime.fromisoformat(str(content["created_at"]))
    return StateLock(int(str(content["generation"])), str(content["who"]), at)
