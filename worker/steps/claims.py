"""Who looks after a step: one file an epoch, the highest is the owner.

A claim is made by creating the next file, which only one can do; so no lock is needed, and a
worker that was paused in the middle of anything can only touch a file that nobody reads any more
(docs/adr/0004). The file's modification time is the boot clock's time of the last renewal.
"""

import base64
import os
from pathlib import Path

from adapters.local import atomic_files
from deployments.errors import Fenced
from deployments.phase import Phase
from deployments.ports import ActivityToken

__all__ = ["Claims"]

_NANOSECONDS = 1_000_000_000


class Claims:
    """The claims of one step, as one worker sees them."""

    def __init__(self, folder: Path, workers: Path, worker: str) -> None:
        self._folder = folder
        self._workers = workers
        self._worker = worker
        self.epoch = 0

    def take(self, activity_token: ActivityToken) -> None:
        """Become the owner.

        Raises:
            Fenced: another worker took the same epoch.
        """
        epoch = self.newest() + 1
        content = {
            "worker": self._worker,
            "token": base64.b64encode(activity_token.token).decode(),
            "attempt": activity_token.attempt,
            "workflow_id": activity_token.workflow_id,
            "run_id": activity_token.run_id,
            "phase": activity_token.phase,
            "may_start": activity_token.may_start,
        }
        if not atomic_files.create(self._path(epoch), content):
            raise Fenced(f"epoch {epoch} is somebody else's")
        self.epoch = epoch
        self._touch(atomic_files.boot_seconds())

    def check(self) -> None:
        """Be the owner still.

        Raises:
            Fenced: somebody has taken the next epoch.
        """
        if self.epoch == 0 or self._path(self.epoch + 1).exists():
            raise Fenced(f"epoch {self.epoch} is over")

    def renew(self) -> None:
        """Show that the owner lives."""
        self.check()
        self._touch(atomic_files.boot_seconds())

    def release(self) -> None:
        """Let the next one claim at once."""
        if self.epoch:
            self._touch(0)

    def newest(self) -> int:
        """The highest epoch there is, 0 for none."""
        try:
            names = [path.name for path in self._folder.iterdir()]
        except FileNotFoundError:
            return 0
        return max((int(name[6:-5]) for name in names if _is_claim(name)), default=0)

    def activity_token(self) -> ActivityToken | None:
        """The newest claim's ticket."""
        epoch = self.newest()
        content = atomic_files.read(self._path(epoch)) if epoch else None
        if content is None:
            return None
        attempt = content["attempt"]
        return ActivityToken(
            token=base64.b64decode(str(content["token"])),
            attempt=attempt if isinstance(attempt, int) else 0,
            workflow_id=str(content["workflow_id"]),
            run_id=str(content["run_id"]),
            phase=Phase(str(content["phase"])),
            may_start=content["may_start"] is True,
        )

    def is_stale(self, stale_seconds: float) -> bool:
        """Whether the newest claim's worker is dead, paused or has let go."""
        path = self._path(self.newest())
        content = atomic_files.read(path)
        if content is None:
            return False
        renewed = path.stat().st_mtime_ns / _NANOSECONDS
        age = atomic_files.boot_seconds() - renewed
        # A renewal in the future is from before the last boot.
        if not 0 <= age <= stale_seconds:
            return True
        return not atomic_files.is_locked(self._workers / f"{content['worker']}.lock")

    def _touch(self, boot_seconds: float) -> None:
        at = int(boot_seconds * _NANOSECONDS)
        os.utime(self._path(self.epoch), ns=(at, at))

    def _path(self, epoch: int) -> Path:
        return self._folder / f"claim.{epoch}.json"


def _is_claim(name: str) -> bool:
    return name.startswith("claim.") and name.endswith(".json") and name[6:-5].isdigit()
