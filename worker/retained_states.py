"""States of destroyed stacks: local files with their backup, or objects in a bucket."""

import asyncio
import math
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from google.cloud.storage import Blob

from adapters.gcs.objects import Objects
from adapters.local.folder_lock import exclusive_at_once
from adapters.local.folders import is_own_folder, stack_folder
from adapters.local.interruptions import LocalInterruptions
from adapters.terraform.state.state_file import position_of
from deployments.deployment_id import is_stack_id
from deployments.errors import Unavailable
from deployments.retention import RetainReason, Stored
from worker.retention import IsRecorded

__all__ = ["RetainedBucketStates", "RetainedLocalStates"]

_STATE = "terraform.tfstate"
_LOCK_INFO = f".{_STATE}.lock.info"
_OBJECT = "default.tfstate"
# A state without resources has outputs and checks at most; a larger state is not read.
_MAX_EMPTY_STATE_BYTES = 64 * 1024


class RetainedLocalStates:
    """The folders `<data>/stacks/<stack>/`; `open_stacks` are those of open run directories."""

    def __init__(
        self, data: Path, is_recorded: IsRecorded, open_stacks: Callable[[], set[str]]
    ) -> None:
        self._root = data / "stacks"
        self._is_recorded = is_recorded
        self._open_stacks = open_stacks
        self._interruptions = LocalInterruptions(data)

    async def entries(self, before: float = math.inf, /) -> Sequence[Stored]:
        """All stacks with a state on this disk; reads the states of before a time."""
        return await asyncio.to_thread(self._entries, before)

    async def remove(self, stored: Stored) -> bool:
        """Delete the folder of a stack, unless a deployment of the stack began meanwhile.

        `prepare` holds the lock of all stacks while it reads a state and makes a run directory.
        """
        # Again: a deployment may have recorded the state since the pass began to delete.
        if await self._is_recorded(stored.id):
            return False
        return await asyncio.to_thread(self._remove, stored)

    def _entries(self, before: float) -> list[Stored]:
        if not self._root.is_dir():
            return []
        return [
            self._stored(path, before)
            for path in self._root.iterdir()
            if is_stack_id(path.name) and is_own_folder(path)
            if (path / _STATE).exists()
        ]

    def _stored(self, folder: Path, before: float = math.inf) -> Stored:
        files = [path.lstat() for path in folder.glob(f"{_STATE}*")]
        changed_at = max((file.st_mtime for file in files), default=0.0)
        size = sum(file.st_blocks * 512 for file in files)
        reason = self._reason(folder) if changed_at < before else None
        return Stored(folder.name, changed_at, size, reason)

    def _reason(self, folder: Path) -> RetainReason | None:
        if self._interruptions.of(folder.name):
            return RetainReason.QUESTION
        return _reason(_read(folder / _STATE))

    def _remove(self, stored: Stored) -> bool:
        try:
            with exclusive_at_once(self._root):
                return self._remove_unused(stored)
        except BlockingIOError:
            return False

    def _remove_unused(self, stored: Stored) -> bool:
        folder = stack_folder(self._root, stored.id)
        if folder.is_dir():
            if stored.id in self._open_stacks() or self._stored(folder) != stored:
                return False
            if (folder / _LOCK_INFO).exists():
                return False
            shutil.rmtree(folder)
        return True


class RetainedBucketStates:
    """The objects `stacks/<stack>/default.tfstate` without resources."""

    def __init__(self, objects: Objects, is_recorded: IsRecorded) -> None:
        self._objects = objects
        self._is_recorded = is_recorded

    async def entries(self, before: float = math.inf, /) -> Sequence[Stored]:
        """All stacks with a state in the bucket; reads the small states of before a time."""
        return await self._objects.threaded(self._entries, before)

    async def remove(self, stored: Stored) -> bool:
        """Delete a state in exactly the generation that has no resources.

        A deployment that another host admits in this moment is not excluded (docs/adr/0038).
        """
        if await self._is_recorded(stored.id):
            return False
        return await self._objects.threaded(self._remove, stored)

    def _entries(self, before: float) -> list[Stored]:
        return [
            self._stored(blob, before)
            for blob in self._objects.entries("stacks/")
            if blob.name.endswith(f"/{_OBJECT}") and is_stack_id(blob.name.split("/")[1])
        ]

    def _stored(self, blob: Blob, before: float = math.inf) -> Stored:
        stack, changed_at = blob.name.split("/")[1], blob.updated.timestamp()
        reason = self._reason(blob) if changed_at < before else None
        return Stored(stack, changed_at, blob.size or 0, reason)

    def _reason(self, blob: Blob) -> RetainReason | None:
        if (blob.size or 0) > _MAX_EMPTY_STATE_BYTES:
            return RetainReason.RESOURCES
        return _reason(self._objects.read_part(blob, 0, blob.size) if blob.size else b"")

    def _remove(self, stored: Stored) -> bool:
        blob = self._objects.get(f"stacks/{stored.id}/{_OBJECT}")
        if blob is None:
            return True
        is_locked = self._objects.get(f"stacks/{stored.id}/default.tflock") is not None
        if is_locked or self._stored(blob) != stored:
            return False
        self._objects.remove(blob)
        return True


def _reason(state: bytes) -> RetainReason | None:
    """None for a complete state without resources.

    An empty file is no such state: on a full disk terraform empties the state of a living stack.
    """
    try:
        position = position_of(state)
    except Unavailable:
        return RetainReason.RESOURCES
    return None if position.lineage and not position.resources else RetainReason.RESOURCES


def _read(path: Path) -> bytes:
    with suppress(FileNotFoundError):
        return path.read_bytes()
    return b""
