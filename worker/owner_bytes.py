"""The bytes of an owner on this host: logs, and artifacts in the data folder.

`<data>/owners/<digest of the subject>/<deployment>` is an empty file for each deployment that this
host has prepared. The bytes are counted in the folders of these deployments and are stored nowhere,
so a running deployment counts, and deleted data count no more (docs/adr/0042).
"""

import logging
import os
import re
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from adapters.local import disk_space
from adapters.local.event_file import EVENT_FILE
from adapters.local.folders import deployment_folder, is_own_folder
from adapters.settings import Settings
from deployments.deployment_id import is_deployment_id
from deployments.errors import NotFound
from deployments.retention import DAY_SECONDS
from deployments.size_limit import share_of
from worker.run_directory import RunDirectory
from worker.run_index import OUTBOX_FOLDER

__all__ = ["OwnerBytes"]

_log = logging.getLogger("anava.worker")

_MEGABYTE = 1_000_000

_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)

# 10,000 deployments of an owner take 1.6 s to count (measured). A count serves for twenty times its
# duration, so that an owner with any number of deployments takes a twentieth of a thread.
_REUSES = 20


class OwnerBytes:
    """The deployments of this host by owner; an owner holds `limit_bytes` at most."""

    def __init__(self, data: Path, run_root: Path, limit_bytes: int) -> None:
        self._owners = data / "owners"
        self._artifacts = data / "artifacts"
        self._run_root = run_root
        self._limit_bytes = limit_bytes
        # By owner: until when a count serves, and the bytes.
        self._counts: dict[str, tuple[float, int]] = {}

    @classmethod
    def open(cls, settings: Settings) -> "OwnerBytes":
        """The owners of the host that the settings name."""
        return cls(settings.data, settings.runs, settings.limits.owner_mb * _MEGABYTE)

    def add(self, owner: str, deployment: str) -> None:
        """Count a deployment for an owner, a digest; a repeat changes nothing.

        Before the run directory exists, so that none is missed. Raises OSError on a full disk; any
        other obstacle is logged, and delays no deployment.
        """
        folder = self._owners / owner
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not self._is_own(folder):
                _log.error("%s is a link or of another user: the owner is not counted", folder)
                return
            flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            fd = os.open(folder / deployment, flags, 0o600)
            try:
                os.utime(fd)
            finally:
                os.close(fd)
        except OSError as error:
            if disk_space.is_full(error):
                raise
            _log.error("%s cannot be counted for its owner: %s", deployment, error)

    def share(self, deployment: str) -> int:
        """The bytes that a log or an artifact of the deployment may have; never raises. Blocks.

        No limit for the run directory of an earlier version, which names no owner.
        """
        owner = ""
        try:
            owner = RunDirectory(deployment_folder(self._run_root, deployment)).owner()
            if _DIGEST.fullmatch(owner):
                return share_of(self._limit_bytes, self._held(owner))
        except (NotFound, OSError, ValueError) as error:
            _log.warning("the bytes of the owner of %s are not counted: %s", deployment, error)
        return sys.maxsize

    def sweep(self) -> None:
        """Forget deployments without run directory and artifacts, a day after `add`."""
        for path in self._owners.glob("*/*"):
            places = (self._run_root / path.name, self._artifacts / path.name)
            if not is_deployment_id(path.name) or any(map(os.path.lexists, places)):
                continue
            try:
                if time.time() - path.lstat().st_mtime > DAY_SECONDS:
                    path.unlink()
            except OSError as error:
                _log.warning("%s is not removed: %s", path, error)

    def _held(self, owner: str) -> int:
        """The bytes of all deployments of an owner, at most twenty counts old."""
        until, held = self._counts.get(owner, (0.0, 0))
        begun = time.monotonic()
        if begun < until:
            return held
        held = sum(_size(path) for id in self._deployments(owner) for path in self._files(id))
        ended = time.monotonic()
        self._counts[owner] = (ended + _REUSES * (ended - begun), held)
        return held

    def _deployments(self, owner: str) -> Iterator[str]:
        folder = self._owners / owner
        if not self._is_own(folder):
            _log.warning("%s is no folder of this user: its owner counts as new", folder)
            return
        for name in os.listdir(folder):  # noqa: PTH208 - names alone, without a path for each
            if is_deployment_id(name):
                yield name
            else:
                _log.warning("%s has an entry that is no deployment: %r", folder, name)

    def _is_own(self, folder: Path) -> bool:
        return is_own_folder(self._owners) and is_own_folder(folder)

    def _files(self, deployment: str) -> Iterator[str]:
        """The files of a deployment; none of a folder that is a link or of another user."""
        run, artifacts = self._run_root / deployment, self._artifacts / deployment
        if is_own_folder(run):
            yield from (f"{step}/{EVENT_FILE}" for step in _listed(f"{run}/steps"))
            yield from _listed(f"{run}/{OUTBOX_FOLDER}")
        if is_own_folder(artifacts):
            yield from _listed(str(artifacts))


def _listed(folder: str) -> list[str]:
    """The paths in a folder, which the retention may delete meanwhile."""
    try:
        return [f"{folder}/{name}" for name in os.listdir(folder)]  # noqa: PTH208 - text is faster
    except FileNotFoundError:
        return []
    except OSError as error:
        _log.warning("the files of a deployment are not counted: %s", error)
        return []


def _size(path: str) -> int:
    """The bytes of a file; 0 for a link or a folder, and for a file that is deleted meanwhile."""
    try:
        status = os.lstat(path)
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0
