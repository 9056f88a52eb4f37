"""The outbox of artifacts: on disk before they are sent, so that a failed call loses none.

`<run root>/<deployment>/outbox/<name>` is an artifact that the store does not have. The file of a
log is empty: the content is made from the event files at the time of sending.
"""

import asyncio
import logging
import os
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
from pathlib import Path

from adapters.local import atomic_files, disk_space, log_archive
from adapters.local.event_file import EVENT_FILE
from adapters.local.folder_lock import exclusive
from deployments import artifacts
from deployments.artifacts import ArtifactStore
from deployments.errors import NotFound, Unavailable
from deployments.size_limit import LimitHolder, SizeLimit
from worker import run_index
from worker.run_directory import RunDirectory
from worker.run_index import OUTBOX_FOLDER

__all__ = ["ARTIFACT_GIVEN_UP", "ArtifactOutbox"]

_log = logging.getLogger("anava.worker")

# The bytes that a file of a deployment may have, by the deployment's id and the file's name.
OwnerRoom = Callable[[str, str], AbstractContextManager[int]]

# The cause of a permanently missing artifact, in the worker's log.
ARTIFACT_GIVEN_UP = "artifact_given_up"

# A log of a million lines occupies a thread for seconds; the supervisors of other deployments need
# the rest of the executor's six threads (on two cores).
_MAX_LOGS_AT_ONCE = 2


class ArtifactOutbox:
    """The outboxes of a host; drops artifacts that the store refuses for `give_up_seconds`.

    In place of an artifact beyond `limit_bytes`, or beyond the bytes that `owner_room` has for a
    file of a deployment until the file is written, stands the reason.
    """

    def __init__(
        self,
        store: ArtifactStore,
        give_up_seconds: float,
        limit_bytes: int = sys.maxsize,
        owner_room: OwnerRoom = lambda *_: nullcontext(sys.maxsize),
    ) -> None:
        self._limit_bytes = limit_bytes
        self._owner_room = owner_room
        self._store = store
        self._give_up_seconds = give_up_seconds
        self._log_slots = asyncio.Semaphore(_MAX_LOGS_AT_ONCE)

    def enqueue(self, directory: RunDirectory, name: str, content: str) -> None:
        """Add an artifact of any size; replaces an unsent artifact of the same name.

        Logs have their own limit, and the record names the stack, without which the retention
        deletes nothing.
        """
        disk_space.with_reserve(directory.path, partial(_write, _folder(directory), name, content))
        # After the file: a loop that finds the outbox empty takes the mark away first.
        disk_space.with_reserve(directory.path, partial(run_index.mark, directory.path))

    async def enqueue_limited(self, directory: RunDirectory, name: str, content: str) -> None:
        """Add an artifact, or the reason in the place of an artifact beyond its limit.

        A repeat replaces no stored artifact by the limit of the owner, who may hold more by now.
        """
        size = len(content.encode("utf-8", "surrogatepass"))
        # In a thread: the bytes of an owner are counted.
        holder = await asyncio.to_thread(self._enqueue_within, directory, name, content, size)
        if holder is None:
            return
        if not (holder is LimitHolder.OWNER and await self._holds(directory, name, size)):
            reason = artifacts.LEFT_OUT[holder]
            _log.warning("%s: %s of %s has %s bytes", reason, name, directory.path.name, size)
            content = artifacts.left_out_content(name, reason)
        self.enqueue(directory, name, content)

    def _enqueue_within(
        self, directory: RunDirectory, name: str, content: str, size_bytes: int
    ) -> LimitHolder | None:
        """Add an artifact within its limits, else return whose limit it exceeds."""
        with ExitStack() as owner:
            room = self._owner_room(directory.path.name, name)
            limit = SizeLimit(self._limit_bytes, lambda: owner.enter_context(room))
            holder = limit.reached_by(size_bytes)
            if holder is None:
                self.enqueue(directory, name, content)
        return holder

    async def _holds(self, directory: RunDirectory, name: str, size_bytes: int) -> bool:
        """Whether outbox or store have the artifact with as many bytes, so that it needs no more.

        False where the store does not answer: then the limit of the owner decides alone.
        """
        try:
            return (_folder(directory) / name).stat().st_size >= size_bytes
        except FileNotFoundError:
            pass
        try:
            stored = await self._store.open(directory.path.name, name)
        # The retention may delete the file of a local store between the requests.
        except (NotFound, Unavailable, OSError):
            return False
        return stored.size_bytes >= size_bytes

    def enqueue_logs(self, directory: RunDirectory) -> None:
        """Add the logs of all steps, which have ended."""
        for name in _logs(directory):
            self.enqueue(directory, name, "")

    def has_pending(self, directory: RunDirectory) -> bool:
        """Whether the outbox holds an artifact."""
        return bool(_names(_folder(directory)))

    async def send_pending(self, directories: Iterable[RunDirectory]) -> None:
        """Send the artifacts that earlier calls left; a failure delays no other deployment."""
        for directory in filter(self.has_pending, directories):
            try:
                await self.send(directory)
            except (Unavailable, OSError) as error:
                _log.warning("artifacts of %s are not sent yet: %s", directory.path.name, error)

    async def send(self, directory: RunDirectory) -> None:
        """Send all artifacts, one after another: in parallel they wait for the interpreter.

        After the death of a sender the last artifact is sent again, which changes nothing.
        Raises Unavailable when the store refuses an artifact, which stays with those behind.
        """
        folder = _folder(directory)
        if not folder.is_dir():
            return
        async with exclusive(folder):
            while names := _names(folder):
                for name in names:
                    await self._send(directory, folder / name)

    async def _send(self, directory: RunDirectory, file: Path) -> None:
        log = _logs(directory).get(file.name)
        sent = _version(file)
        try:
            async with self._log_slots if log else nullcontext():
                content = log or log_archive.as_written(file)
                await self._store.put(directory.path.name, file.name, content)
        except Unavailable as error:
            if time.time() - sent.st_mtime <= self._give_up_seconds:
                raise
            _log.error("%s: %s: %s", ARTIFACT_GIVEN_UP, file.relative_to(directory.path), error)
        _remove(file, sent)


def _write(folder: Path, name: str, content: str) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    atomic_files.replace(folder / name, content)


def _folder(directory: RunDirectory) -> Path:
    return directory.path / OUTBOX_FOLDER


def _version(file: Path) -> os.stat_result:
    """Identify a version of a file: a file that `enqueue` replaced has another inode."""
    return file.stat()


def _remove(file: Path, sent: os.stat_result) -> None:
    """Remove a file unless `enqueue` replaced the sent version."""
    if _version(file).st_ino == sent.st_ino:
        file.unlink()


def _names(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir() if artifacts.is_name(path.name))
    except FileNotFoundError:
        return []


def _logs(directory: RunDirectory) -> dict[str, Iterable[bytes]]:
    """The log artifacts of a deployment, from the event files of all steps."""
    files = {number: directory.step(number) / EVENT_FILE for number in directory.steps()}
    files = {number: file for number, file in files.items() if file.exists()}
    if not files:
        return {}
    return {
        artifacts.LOG_GZIP: log_archive.gzipped(files.values()),
        artifacts.LOG_TEXT: log_archive.as_text(files.values()),
        **{
            artifacts.step_log(number): log_archive.as_written(file)
            for number, file in files.items()
        },
    }
