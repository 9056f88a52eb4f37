"""Run directories of ended deployments, and the facts that a record contains.

A deployment that was terminated has a run directory that names the stack, and no record in the
artifact store. Before such a directory is deleted, a record is stored: logs and artifacts with a
longer limit would stay for ever, since their stack is unknown.
"""

import asyncio
import json
import math
import re
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from adapters.local import atomic_files
from adapters.local.folders import deployment_folder, deployment_folders, is_own_folder
from deployments import artifacts
from deployments.artifacts import ArtifactStore
from deployments.deployment import Stack, Status
from deployments.deployment_id import is_deployment_id
from deployments.errors import NotFound, RunDirectoryBroken
from deployments.retention import DAY_SECONDS, Facts, RetainReason, Stored
from worker.run_directory import RunDirectory
from worker.run_index import RECORD_FILE

__all__ = ["DeploymentFacts", "RetainedRuns"]

# `record.json` holds the results of all steps: 0.3 MB for a thousand resources (measured).
_MAX_RECORD_BYTES = 32 * 1024 * 1024
_EXPIRED = ".expired-"
# A run directory in the making, which a killed worker left, with the variables in clear.
_DRAFT = re.compile(r"\.(?P<id>[^.]+)\.[0-9a-f]{8}", re.ASCII)


class RetainedRuns:
    """The run directories of this host."""

    def __init__(self, run_root: Path, store: ArtifactStore) -> None:
        self._root = run_root
        self._store = store

    async def entries(self, before: float = math.inf, /) -> Sequence[Stored]:
        """All run directories; those that ended at `before` or later without bytes."""
        return await asyncio.to_thread(self._entries, before)

    async def remove(self, stored: Stored) -> bool:
        """Rename a run directory, then delete it: half a directory looks like an open one."""
        await self._store_record(stored.id)
        return await asyncio.to_thread(self._remove, stored.id)

    async def _store_record(self, deployment: str) -> None:
        """Store the record where the store has none."""
        record = await asyncio.to_thread(_record_of, deployment_folder(self._root, deployment))
        if record is None:
            return
        try:
            await self._store.open(deployment, artifacts.RECORD)
        except (NotFound, FileNotFoundError):
            await self._store.put(deployment, artifacts.RECORD, [json.dumps(record).encode()])

    def sweep(self) -> None:
        """Delete the remains of killed workers: half-deleted and half-made run directories."""
        for path in self._root.glob(".*"):
            draft = _DRAFT.fullmatch(path.name)
            id = draft["id"] if draft else path.name.removeprefix(_EXPIRED)
            if not is_deployment_id(id) or not is_own_folder(path):
                continue
            if draft is None or _age_seconds(path) > DAY_SECONDS:
                shutil.rmtree(path, ignore_errors=True)

    def _entries(self, before: float) -> list[Stored]:
        return [_stored(path, before) for path in deployment_folders(self._root)]

    def _remove(self, deployment: str) -> bool:
        path = deployment_folder(self._root, deployment)
        expired = self._root / f"{_EXPIRED}{deployment}"
        try:
            path.rename(expired)
        except FileNotFoundError:
            return True
        shutil.rmtree(expired)
        return True


class DeploymentFacts:
    """Reads the record of a deployment: of the run directory, else of the artifact store."""

    def __init__(self, run_root: Path, store: ArtifactStore) -> None:
        self._root = run_root
        self._store = store

    async def read(self, deployment: str) -> Facts | None:
        """Return stack and status; None for a deployment without a readable record."""
        if not is_deployment_id(deployment):
            return None
        facts = await asyncio.to_thread(_of_run, self._root, deployment)
        return facts or await self._recorded(deployment)

    async def _recorded(self, deployment: str) -> Facts | None:
        try:
            content = await self._store.open(deployment, artifacts.RECORD)
            if content.size_bytes > _MAX_RECORD_BYTES:
                return None
            record = json.loads(b"".join([chunk async for chunk in content.chunks]))
            stack = msgspec.convert(record["request"]["stack"], Stack).id
            return Facts(stack, completed=record["result"]["status"] == Status.COMPLETED)
        except (NotFound, FileNotFoundError):
            return None
        except (ValueError, KeyError, TypeError, RecursionError):
            return None


def _record_of(path: Path) -> dict[str, object] | None:
    """The record, of a terminated deployment with stack and status added; None without a stack."""
    try:
        record = atomic_files.read(path / RECORD_FILE) or {}
        stack = RunDirectory(path).stack().split(".")
    except RunDirectoryBroken:
        return None
    names = ("tenant", "template", "project_id", "prefix")
    if "request" in record:
        return record
    if len(stack) != len(names):
        return None
    request = {"stack": dict(zip(names, stack, strict=True))}
    return {"request": request, "result": {"status": Status.NEEDS_ATTENTION}} | record


def _of_run(root: Path, deployment: str) -> Facts | None:
    try:
        directory = RunDirectory(deployment_folder(root, deployment))
        stack = directory.stack()
        return Facts(stack, directory.has_completed()) if stack else None
    except (NotFound, RunDirectoryBroken):
        return None


def _stored(path: Path, before: float) -> Stored:
    try:
        ended_at = (path / RECORD_FILE).stat().st_mtime
    except FileNotFoundError:
        return Stored(path.name, 0.0, _size(path), RetainReason.OPEN)
    return Stored(path.name, ended_at, _size(path) if ended_at < before else 0)


def _size(folder: Path) -> int:
    """The bytes that a folder's files take on the disk."""
    size = 0
    for path in folder.rglob("*"):
        try:
            size += path.lstat().st_blocks * 512
        except FileNotFoundError:
            continue
    return size


def _age_seconds(path: Path) -> float:
    try:
        return time.time() - path.lstat().st_mtime
    except FileNotFoundError:
        return 0.0
