"""The files of a step's folder: names, locking, reading and writing.

All access goes through a descriptor of the folder, so a rename of the path has no effect.
"""

import fcntl
import os
import time

from runner import linux
from runner.linux import rfc3339_now

STEP = "step.json"
LEASE = "lease"
STOP = "stop.json"
STARTED = "started.json"
EXIT = "exit.json"
SPOOL = "spool"
CREDENTIAL = "credential.json"
ALIVE_LOCK = "alive.lock"
RUNNER_LOCK = "runner.lock"

FORMAT = 1  # version of every control file; each release reads the previous version

# Exit statuses of the runner. Terraform's status is in exit.json.
ENDED = 0  # exit.json exists
MISUSED = 2  # wrong arguments, or not a session leader
HELD = 3  # another runner or a terraform of this step is alive
NO_LEASE = 4  # this host does not own the step; nothing was written
NEVER_STARTED = 5  # --finish of a step without started.json
UNFINISHED = 6  # started.json without exit.json: requires --finish, never a second terraform
DISK_FULL = 7  # no space even for the exit record; nothing was started

# Supervisors probe a lock by taking it for an instant. 5 x 20 ms outlasts all probes and delays a
# second runner only slightly.
LOCK_TRIES = 5
LOCK_PAUSE_SECONDS = 0.02

_FILE_MODE = 0o600
_READ_BYTES = 65536  # a control file has a few hundred bytes: a single read


class StopRequest:
    """Why terraform is stopped: the first cause stays, `force` may be added."""

    __slots__ = ("cause", "force", "requested_at")

    def __init__(self, cause: str, requested_at: str) -> None:
        self.cause = cause
        self.requested_at = requested_at
        self.force = False


class StepFiles:
    """A step's folder, accessed by descriptor."""

    __slots__ = ("fd",)

    def __init__(self, path: str) -> None:
        self.fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)

    def exists(self, name: str) -> bool:
        return self.version(name) is not None

    def version(self, name: str) -> tuple[int, int] | None:
        """Inode and mtime, which change when a file is replaced or written; None when missing."""
        try:
            status = os.stat(name, dir_fd=self.fd)
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_mtime_ns

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes, None when missing."""
        try:
            fd = os.open(name, os.O_RDONLY, dir_fd=self.fd)
        except FileNotFoundError:
            return None
        try:
            parts = []
            while part := os.read(fd, _READ_BYTES):
                parts.append(part)
            return b"".join(parts)
        finally:
            os.close(fd)

    def reserve(self, name: str, size: int) -> None:
        """Allocate space for the next `write` of a file, which then needs no free space.

        Raises OSError, on a full disk with an errno of `linux.FULL`.
        """
        fd = self._open_draft(name)
        try:
            linux.allocate(fd, size)
        finally:
            os.close(fd)

    def write(self, name: str, data: bytes) -> None:
        """Replace a file atomically: no reader sees a partial file.

        The caller holds `runner.lock`, so the draft has a single writer. Not emptied before the
        write, since that would free the reserved space. Without fsync: after a power cut no
        terraform is alive, and the boot id shows the restart.
        """
        fd = self._open_draft(name)
        try:
            written = 0
            while written < len(data):
                written += os.pwrite(fd, data[written:], written)
            os.ftruncate(fd, written)
        finally:
            os.close(fd)
        os.replace(_draft(name), name, src_dir_fd=self.fd, dst_dir_fd=self.fd)

    def _open_draft(self, name: str) -> int:
        return os.open(_draft(name), os.O_WRONLY | os.O_CREAT, _FILE_MODE, dir_fd=self.fd)

    def read_json(self, name: str) -> dict[str, object] | None:
        """Return a control file's JSON object, None when missing; raises ValueError."""
        import json  # 9 ms; called only after terraform has started or when it never will

        data = self.read(name)
        if data is None:
            return None
        content = json.loads(data)
        if not isinstance(content, dict):
            raise ValueError(f"{name} is not a JSON object")  # noqa: TRY004 -- bad data, not a bad call
        return content

    def remove(self, name: str) -> None:
        """Remove a file, if present."""
        try:
            os.unlink(name, dir_fd=self.fd)
        except FileNotFoundError:
            return

    def write_json(self, name: str, content: dict[str, object]) -> None:
        """Replace a control file atomically."""
        import json  # as above

        self.write(name, json.dumps({"format": FORMAT, **content}, indent=1).encode() + b"\n")

    def read_stop(self) -> StopRequest | None:
        """Return the request in stop.json, None when missing. An invalid file is a request too."""
        try:
            content = self.read_json(STOP)
        except ValueError:
            content = {}
        if content is None:
            return None
        request = StopRequest(
            str(content.get("cause", "unknown")), str(content.get("requested_at", rfc3339_now()))
        )
        request.force = content.get("force") is True
        return request

    def lock(self, name: str) -> int | None:
        """Take a lock until all copies of the returned descriptor are closed; None when held."""
        fd = os.open(name, os.O_RDWR | os.O_CREAT, _FILE_MODE, dir_fd=self.fd)
        for attempt in range(LOCK_TRIES):
            if attempt:
                time.sleep(LOCK_PAUSE_SECONDS)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            return fd
        os.close(fd)
        return None

    def open_spool(self) -> int:
        """Open terraform's output file with O_APPEND, so that no writer overwrites a line."""
        return os.open(SPOOL, os.O_RDWR | os.O_APPEND | os.O_CREAT, _FILE_MODE, dir_fd=self.fd)

    def lease(self) -> float | None:
        """Return the end of the lease in seconds of the boot clock, None when unreadable."""
        data = self.read(LEASE)
        try:
            until = float(data or b"")
        except ValueError:
            return None
        return None if until != until else until  # NaN compares as false: the lease would never end


def _draft(name: str) -> str:
    return f".{name}.draft"
