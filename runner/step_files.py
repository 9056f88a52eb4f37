"""The files of one step's folder: their names, and how they are locked, written and read.

Everything goes through a descriptor of the folder: nothing depends on a path that may be renamed.
"""

import fcntl
import os
import time

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

FORMAT = 1  # of every control file; the next release reads this one's

# What the runner's own exit status says. Terraform's is in exit.json.
ENDED = 0  # exit.json is there
MISUSED = 2  # wrong arguments, or no session of its own
HELD = 3  # another runner or a terraform of this step is alive
NO_LEASE = 4  # this host does not own the step; nothing was written
NEVER_STARTED = 5  # --finish of a step that nobody started
UNFINISHED = 6  # started once and no exit.json: --finish is due, never a second terraform

# Keepers probe a lock by taking it for an instant. 5 x 20 ms outlasts any number of probes, and
# is nothing to someone who starts a second runner.
LOCK_TRIES = 5
LOCK_PAUSE_SECONDS = 0.02

_FILE_MODE = 0o600
_READ_BYTES = 65536  # control files are a few hundred bytes; one read each


class StopRequest:
    """Why terraform is stopped: the first cause stays, force may be added."""

    __slots__ = ("cause", "force", "requested_at")

    def __init__(self, cause: str, requested_at: str) -> None:
        self.cause = cause
        self.requested_at = requested_at
        self.force = False


class StepFiles:
    """One step's folder, by descriptor."""

    __slots__ = ("fd",)

    def __init__(self, path: str) -> None:
        self.fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)

    def exists(self, name: str) -> bool:
        return self.stamp(name) is not None

    def stamp(self, name: str) -> tuple[int, int] | None:
        """What changes when a file is replaced or written to; None when it is missing."""
        try:
            status = os.stat(name, dir_fd=self.fd)
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_mtime_ns

    def read(self, name: str) -> bytes | None:
        """A file's bytes, None when it is missing."""
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

    def write(self, name: str, data: bytes) -> None:
        """Put a whole file in place, or nothing: no reader sees a half.

        It is not synced: after a power cut no terraform is alive and the boot id tells.
        """
        draft = f".{name}.{os.getpid()}"
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _FILE_MODE, dir_fd=self.fd)
        try:
            while data:
                data = data[os.write(fd, data) :]
        finally:
            os.close(fd)
        os.replace(draft, name, src_dir_fd=self.fd, dst_dir_fd=self.fd)

    def read_json(self, name: str) -> dict[str, object] | None:
        """A control file's content, None when it is missing.

        Raises:
            ValueError: when it is no JSON object.
        """
        import json  # 9 ms, and only ever needed when terraform runs already or never will

        data = self.read(name)
        if data is None:
            return None
        content = json.loads(data)
        if not isinstance(content, dict):
            raise ValueError(f"{name} is not a JSON object")  # noqa: TRY004 -- bad data, no bad call
        return content

    def remove(self, name: str) -> None:
        """Remove a file; one that is missing is removed."""
        try:
            os.unlink(name, dir_fd=self.fd)
        except FileNotFoundError:
            return

    def write_json(self, name: str, content: dict[str, object]) -> None:
        import json  # as above

        self.write(name, json.dumps({"format": FORMAT, **content}, indent=1).encode() + b"\n")

    def read_stop(self) -> StopRequest | None:
        """What stop.json asks for. One that makes no sense is still a stop."""
        try:
            asked = self.read_json(STOP)
        except ValueError:
            asked = {}
        if asked is None:
            return None
        stop = StopRequest(
            str(asked.get("cause", "unknown")), str(asked.get("requested_at", rfc3339_now()))
        )
        stop.force = asked.get("force") is True
        return stop

    def lock(self, name: str) -> int | None:
        """Take a lock that lives as long as the descriptor and all that inherit it.

        Returns:
            The descriptor, None when the lock is held.
        """
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
        """Where terraform writes: appended, so that nobody who writes to it overwrites a line."""
        return os.open(SPOOL, os.O_RDWR | os.O_APPEND | os.O_CREAT, _FILE_MODE, dir_fd=self.fd)

    def lease(self) -> float | None:
        """Until when, by the boot clock, this host owns the step; None when nobody says so."""
        data = self.read(LEASE)
        try:
            until = float(data or b"")
        except ValueError:
            return None
        return None if until != until else until  # NaN compares with nothing, and would never end
