"""Artifacts in the data folder whose retention ends: all but the record, or the record."""

import asyncio
import math
from collections.abc import Sequence
from pathlib import Path

from adapters.local.folders import deployment_folder, deployment_folders, is_own_folder
from deployments.artifacts import RECORD
from deployments.retention import Stored

__all__ = ["RetainedLocalArtifacts"]


class RetainedLocalArtifacts:
    """The artifacts of each deployment; `records`: only `record.json`, else all others."""

    def __init__(self, data: Path, *, records: bool) -> None:
        self._root = data / "artifacts"
        self._records = records

    async def entries(self, _: float = math.inf, /) -> Sequence[Stored]:
        """The deployments that have such artifacts."""
        return await asyncio.to_thread(self._entries)

    async def remove(self, stored: Stored) -> bool:
        """Delete the files, and the folder with the last of them."""
        await asyncio.to_thread(self._remove, stored.id)
        return True

    def _entries(self) -> list[Stored]:
        entries = []
        for folder in deployment_folders(self._root):
            files = [path.lstat() for path in self._files(folder)]
            if files:
                ended_at = max(file.st_mtime for file in files)
                size = sum(file.st_blocks * 512 for file in files)
                entries.append(Stored(folder.name, ended_at, size))
        return entries

    def _remove(self, deployment: str) -> None:
        folder = deployment_folder(self._root, deployment)
        for path in self._files(folder):
            path.unlink(missing_ok=True)
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()

    def _files(self, folder: Path) -> list[Path]:
        if not is_own_folder(folder):
            return []
        return [path for path in folder.iterdir() if (path.name == RECORD) is self._records]
