"""Claims on a step: a file per epoch; the highest epoch owns the step.

A worker claims a step by creating the next file. The file system lets a single worker create a
file, so claims need no lock. A paused worker that resumes finds a higher epoch and writes nothing
(docs/adr/0004). The modification time of a claim is the boot-clock time of the last renewal.
"""

import base64
import os
from pathlib import Path

from adapters.local import atomic_files, disk_space
from deployments.errors import Fenced
from deployments.phase import Phase
from deployments.step import ActivityToken
from worker.steps.order_file import read_order

__all__ = ["Claims"]

_NANOSECONDS = 1_000_000_000


class Claims:
    """The claims of a step, for one worker.

    `epoch` and `phase` are those of this worker's claim: 0 and the queue before `take`.

    After a claim with a higher epoch, all methods that write raise Fenced.
    """

    def __init__(self, folder: Path, workers: Path, worker: str) -> None:
        self._folder = folder
        self._workers = workers
        self._worker = worker
        self.epoch = 0
        # Of the claim, since a claimed step may have no order.
        self.phase = Phase.QUEUE

    def take(self, activity_token: ActivityToken) -> None:
        """Claim the step with the next epoch; makes the step's folder."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
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
        if not disk_space.create(self._path(epoch), content):
            raise Fenced(f"another worker holds epoch {epoch}")
        self.epoch, self.phase = epoch, activity_token.phase
        self._touch(atomic_files.boot_seconds())

    def check(self) -> None:
        """Raise Fenced unless this worker owns the step."""
        if self.epoch == 0 or self._path(self.epoch + 1).exists():
            raise Fenced(f"epoch {self.epoch} is over")

    def renew(self) -> None:
        """Record that this worker is alive."""
        self.check()
        self._touch(atomic_files.boot_seconds())

    def extend_lease(self, sent_at: float) -> None:
        """Extend the host's lease to the full length from `sent_at`, a boot-clock time."""
        self.check()
        until = sent_at + read_order(self._folder).lease_seconds
        lease, text = self._folder / "lease", f"{until:.3f}\n"
        try:
            atomic_files.replace(lease, text)
        except OSError as error:
            if not disk_space.is_full(error):
                raise
            # In place a renewal every 10 s needs no space and none of the reserve.
            if not _overwrite(lease, text.encode()):
                disk_space.replace(lease, text)

    def release(self) -> None:
        """Make the claim stale, so that the next worker claims the step at once."""
        if self.epoch:
            self._touch(0)

    def newest(self) -> int:
        """The highest epoch, 0 without a claim."""
        try:
            names = [path.name for path in self._folder.iterdir()]
        except FileNotFoundError:
            return 0
        return max((int(name[6:-5]) for name in names if _is_claim(name)), default=0)

    def activity_token(self) -> ActivityToken | None:
        """The activity attempt in the newest claim."""
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
        """Whether the worker of the newest claim is dead, paused or has released the step."""
        path = self._path(self.newest())
        content = atomic_files.read(path)
        if content is None:
            return False
        renewed = path.stat().st_mtime_ns / _NANOSECONDS
        age = atomic_files.boot_seconds() - renewed
        # A renewal time in the future was written before the last boot.
        if not 0 <= age <= stale_seconds:
            return True
        return not atomic_files.is_locked(self._workers / f"{content['worker']}.lock")

    def _touch(self, boot_seconds: float) -> None:
        at = int(boot_seconds * _NANOSECONDS)
        os.utime(self._path(self.epoch), ns=(at, at))

    def _path(self, epoch: int) -> Path:
        return self._folder / f"claim.{epoch}.json"


def _overwrite(path: Path, content: bytes) -> bool:
    """Replace the bytes of a file by as many others in one write(2); False for another length."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # A shorter or longer number would be read half old, half new.
        if os.fstat(fd).st_size != len(content):
            return False
        return os.pwrite(fd, content, 0) == len(content)
    finally:
        os.close(fd)


def _is_claim(name: str) -> bool:
    return name.startswith("claim.") and name.endswith(".json") and name[6:-5].isdigit()
