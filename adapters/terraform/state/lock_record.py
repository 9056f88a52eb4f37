"""Which lock of the state a step's terraform holds: noted while it does, for when it dies.

A lock in a bucket outlives a killed terraform. Only one that was noted is removed, and only while
it is still that one: another's is never touched (DESIGN section 5).
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
# A lock that is not ours is looked at again, but no server is asked for each line of a log.
_AGAIN_SECONDS = 1.0


class LockRecord:
    """The note of one step, `lock.json`.

    Args:
        folder: the step's.
        state: the state its terraform works with.
    """

    def __init__(self, folder: Path, state: StateBackend) -> None:
        self._folder = folder
        self._state = state
        self._noting: asyncio.Task[None] | None = None
        self._next = 0.0

    def note(self) -> None:
        """Note it in the background; what is missing then is looked for at the next call.

        To be called when terraform has said something that it says only with the lock in hand.
        """
        if not self._state.lock_outlives_holder:
            return
        now = asyncio.get_running_loop().time()
        noting = self._noting is not None and not self._noting.done()
        if noting or now < self._next or (self._folder / _FILE).exists():
            return
        self._next = now + _AGAIN_SECONDS
        self._noting = asyncio.create_task(self._note(), name="lock")

    def close(self) -> None:
        """Note nothing any more."""
        if self._noting is not None:
            self._noting.cancel()

    def free(self) -> None:
        """Remove the lock that was noted, if it is still there; its terraform is dead.

        Raises:
            Unavailable: the bucket does not answer.
        """
        content = atomic_files.read(self._folder / _FILE)
        exit = atomic_files.read(self._folder / "exit.json") or {}
        # One that ended well has unlocked by itself: most do, and nobody is asked for them.
        if content is None or exit.get("exit_code") == 0:
            return
        self._state.unlock(_decoded(content))
        (self._folder / _FILE).unlink(missing_ok=True)

    async def _note(self) -> None:
        with suppress(Unavailable):
            lock = await asyncio.to_thread(self._state.lock)
            # Terraform lives still, so it held what was read.
            if lock is not None and self._is_ours(lock) and self._lives():
                atomic_files.create(self._folder / _FILE, _encoded(lock))

    def _is_ours(self, lock: StateLock) -> bool:
        """Whether it can be terraform's that runs here.

        It had the lock in hand when this was asked; in the instant between its unlocking and its
        end somebody else may have it.
        """
        started = atomic_files.read(self._folder / "started.json") or {}
        started_at = datetime.fromisoformat(str(started["started_at"]))
        return lock.host == started.get("hostname") and lock.created_at >= started_at

    def _lives(self) -> bool:
        ended = (self._folder / "exit.json").exists()
        return not ended and atomic_files.is_locked(self._folder / "alive.lock")


def _encoded(lock: StateLock) -> dict[str, object]:
    at = lock.created_at.isoformat()
    return {"generation": lock.generation, "who": lock.who, "created_at": at}


def _decoded(content: dict[str, object]) -> StateLock:
    at = datetime.fromisoformat(str(content["created_at"]))
    return StateLock(int(str(content["generation"])), str(content["who"]), at)
