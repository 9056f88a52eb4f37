"""Artifacts on their way to their store: on the disk first, so that none is lost with a call.

`<run root>/<deployment>/outbox/<name>` is an artifact that the store does not have yet. A log's
file is empty there: its content is made of the event files whenever it is sent.
"""

import asyncio
import fcntl
import logging
import os
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path

from adapters.local import atomic_files, log_archive
from adapters.local.event_file import EVENT_FILE
from deployments import artifacts
from deployments.artifacts import ArtifactStore
from deployments.errors import Unavailable
from worker.run_directory import RunDirectory

__all__ = ["ARTIFACT_GIVEN_UP", "ArtifactOutbox"]

_log = logging.getLogger("anava.worker")

# The reason why an artifact is missing for good; it stands in the worker's log.
ARTIFACT_GIVEN_UP = "artifact_given_up"

# Logs of a million lines take a thread for seconds; the keepers of other deployments need the rest
# of the executor's six (on two cores).
_LOGS_AT_ONCE = 2
# Another worker of this host has the outbox just now: rare, and nothing tells when it lets go.
_LOOK_SECONDS = 0.1


class ArtifactOutbox:
    """The outboxes of all deployments of a host.

    Args:
        store: what they are sent to.
        give_up_seconds: for how long an artifact is offered to a store that does not take it.
    """

    def __init__(self, store: ArtifactStore, give_up_seconds: float) -> None:
        self._store = store
        self._give_up_seconds = give_up_seconds
        self._logs = asyncio.Semaphore(_LOGS_AT_ONCE)

    def enqueue(self, directory: RunDirectory, name: str, content: str) -> None:
        """Owe the store an artifact; over one of the same name that it does not have yet."""
        folder = _folder(directory)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        atomic_files.replace(folder / name, content)

    def enqueue_logs(self, directory: RunDirectory) -> None:
        """Owe the store the logs of all steps, which have ended."""
        for name in _logs(directory):
            self.enqueue(directory, name, "")

    def has_pending(self, directory: RunDirectory) -> bool:
        """Whether the store lacks something."""
        return bool(_names(_folder(directory)))

    async def send_pending(self, directories: Iterable[RunDirectory]) -> None:
        """Send what earlier calls left; what cannot be sent holds up no other deployment."""
        for directory in filter(self.has_pending, directories):
            try:
                await self.send(directory)
            except (Unavailable, OSError) as error:
                _log.warning("artifacts of %s are still owed: %s", directory.path.name, error)

    async def send(self, directory: RunDirectory) -> None:
        """Send what is owed, one after the other: side by side they wait for the interpreter.

        What was sent when a sender died is sent again, which changes nothing.

        Raises:
            Unavailable: the store did not take one of them; it and what follows are still owed.
        """
        folder = _folder(directory)
        if not folder.is_dir():
            return
        async with _alone(folder):
            while names := _names(folder):
                for name in names:
                    await self._send(directory, folder / name)

    async def _send(self, directory: RunDirectory, file: Path) -> None:
        log = _logs(directory).get(file.name)
        sent = _version(file)
        try:
            async with self._logs if log else nullcontext():
                content = log or log_archive.as_written(file)
                await self._store.put(directory.path.name, file.name, content)
        except Unavailable as error:
            if time.time() - sent.st_mtime <= self._give_up_seconds:
                raise
            _log.error("%s: %s: %s", ARTIFACT_GIVEN_UP, file.relative_to(directory.path), error)
        if _version(file).st_ino == sent.st_ino:
            _remove(file)


def _folder(directory: RunDirectory) -> Path:
    return directory.path / "outbox"


def _version(file: Path) -> os.stat_result:
    """A file that was laid again meanwhile has another inode."""
    return file.stat()


def _remove(file: Path) -> None:
    file.unlink()


def _names(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir() if artifacts.is_name(path.name))
    except FileNotFoundError:
        return []


def _logs(directory: RunDirectory) -> dict[str, Iterable[bytes]]:
    """The log artifacts of a deployment, from the event file of each step that has one."""
    files = {number: directory.step(number) / EVENT_FILE for number in directory.steps()}
    files = {number: file for number, file in files.items() if file.exists()}
    if not files:
        return {}
    return {
        artifacts.LOG_GZIP: log_archive.gzipped(files.values()),
        artifacts.LOG_TEXT: log_archive.as_text(files.values()),
        **{artifacts.step_log(one): log_archive.as_written(file) for one, file in files.items()},
    }


@asynccontextmanager
async def _alone(folder: Path) -> AsyncIterator[None]:
    """One sender at a time, of whichever worker; the lock of a dead one is free."""
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(_LOOK_SECONDS)
        yield
    finally:
        os.close(lock)
