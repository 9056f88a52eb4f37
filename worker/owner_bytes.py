"""The bytes of an owner on this host: logs, and artifacts in the data folder.

`<data>/owners/<digest of the subject>/<deployment>` is an empty file for each deployment that this
host has prepared. The bytes are counted in the folders of these deployments and are stored nowhere,
so a running deployment counts, and deleted data count no more (docs/adr/0043).
"""

import logging
import os
import re
import stat
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from adapters.local import disk_space
from adapters.local.event_file import EVENT_FILE
from adapters.local.folders import deployment_folder, is_own_folder
from adapters.settings import Settings
from deployments import artifacts
from deployments.deployment_id import is_deployment_id
from deployments.errors import NotFound
from deployments.retention import DAY_SECONDS
from deployments.size_limit import LOG_COPIES, share_of
from worker.run_directory import RunDirectory
from worker.run_index import OUTBOX_FOLDER

__all__ = ["OwnerBytes", "sweep_owners"]

_log = logging.getLogger("anava.worker")

_MEGABYTE = 1_000_000

_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)

# 10,000 deployments of an owner take 1.6 s to count (measured). A count serves for twenty times its
# duration, so that an owner with any number of deployments takes a twentieth of a thread.
_REUSES = 20


class _Sizes(NamedTuple):
    """The bytes of a deployment: its logs with their copies, and its other files."""

    log: int = 0
    files: int = 0


@dataclass
class _Count:
    """The bytes of an owner, counted until `until`; `total` is the sum of `sizes`.

    `reserved` are the bytes that the logs of running deployments may have, with their copies. Only
    threads wait for `lock`, never the event loop.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    until: float = 0.0
    total: int = 0
    sizes: dict[str, _Sizes] = field(default_factory=dict)
    reserved: dict[str, int] = field(default_factory=dict)

    def put(self, deployment: str, sizes: _Sizes) -> None:
        """Replace the bytes of a deployment."""
        self.total += sum(sizes) - sum(self.sizes.get(deployment, _Sizes()))
        self.sizes[deployment] = sizes

    def own(self, deployment: str) -> int:
        """The bytes of a deployment, and those that its log may still have."""
        sizes = self.sizes.get(deployment, _Sizes())
        return max(sizes.log, self.reserved.get(deployment, 0)) + sizes.files

    def others(self, deployment: str) -> int:
        """The bytes of all other deployments. The time grows with the running deployments alone."""
        running = {*self.reserved} - {deployment}
        ended = self.total - sum(sum(self.sizes.get(id, ())) for id in {*running, deployment})
        return ended + sum(map(self.own, running))


class OwnerBytes:
    """The deployments of this host by owner; an owner holds `limit_bytes` at most.

    A worker has one instance: the files of an owner get their bytes one after another
    (docs/adr/0043).
    """

    def __init__(self, data: Path, run_root: Path, limit_bytes: int) -> None:
        self._owners = data / "owners"
        self._artifacts = data / "artifacts"
        self._run_root = run_root
        self._limit_bytes = limit_bytes
        self._counts: dict[str, _Count] = {}

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
            if not _is_own(folder):
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

    def log_share(self, deployment: str) -> int:
        """The bytes that the logs of a deployment may have together; never raises. Blocks.

        They are reserved, with their copies, until the deployment is cleared. No limit for the run
        directory of an earlier version, which names no owner.
        """
        with self._counted(deployment) as count:
            if count is None:
                return sys.maxsize
            files = count.sizes[deployment].files
            share = share_of(self._limit_bytes, count.others(deployment), files, LOG_COPIES)
            # A later step, and a step whose supervisor is replaced, have at least the same share.
            share = max(share, count.reserved.get(deployment, 0) // LOG_COPIES)
            count.reserved[deployment] = LOG_COPIES * share
            return share

    @contextmanager
    def room(self, deployment: str, name: str) -> Iterator[int]:
        """The bytes that an artifact may have; meanwhile no other file of the owner is admitted.

        Never raises. Blocks: enter, write the artifact and leave in a thread.
        """
        with self._counted(deployment) as count:
            if count is None:
                yield sys.maxsize
                return
            # A repeat replaces the artifact.
            places = (self._run_root / deployment / OUTBOX_FOLDER, self._artifacts / deployment)
            replaced = sum(_size(f"{place}/{name}") for place in places)
            own = count.own(deployment) - replaced
            yield share_of(self._limit_bytes, count.others(deployment), own)
            count.put(deployment, self._sizes(deployment))

    @contextmanager
    def _counted(self, deployment: str) -> Iterator[_Count | None]:
        """The count of the owner, locked; None where the run directory names no owner."""
        owner = self._owner(deployment)
        if not owner:
            yield None
            return
        count = self._counts.setdefault(owner, _Count())
        with count.lock:
            self._count_again(owner, count)
            for id in [id for id in count.reserved if id != deployment and self._has_ended(id)]:
                del count.reserved[id]
                count.put(id, self._sizes(id))
            count.put(deployment, self._sizes(deployment))
            yield count

    def _owner(self, deployment: str) -> str:
        """The digest of a deployment's owner; empty where it is unknown, or the id is none."""
        try:
            owner = RunDirectory(deployment_folder(self._run_root, deployment)).owner()
        except (NotFound, OSError, ValueError) as error:
            _log.warning("the bytes of the owner of %s are not counted: %s", deployment, error)
            return ""
        return owner if _DIGEST.fullmatch(owner) else ""

    def _count_again(self, owner: str, count: _Count) -> None:
        """Count the deployments of an owner, unless the last count still serves."""
        begun = time.monotonic()
        if begun < count.until:
            return
        count.sizes = {id: self._sizes(id) for id in self._deployments(owner)}
        count.total = sum(map(sum, count.sizes.values()))
        ended = time.monotonic()
        count.until = ended + _REUSES * (ended - begun)

    def _deployments(self, owner: str) -> Iterator[str]:
        folder = self._owners / owner
        if not _is_own(folder):
            _log.warning("%s is no folder of this user: its owner counts as new", folder)
            return
        for path in _listed(str(folder)):
            name = path.rpartition("/")[2]
            if is_deployment_id(name):
                yield name
            else:
                _log.warning("%s has an entry that is no deployment: %r", folder, name)

    def _has_ended(self, deployment: str) -> bool:
        """Whether a deployment writes neither log nor copies any more."""
        run = self._run_root / deployment
        return RunDirectory(run).is_cleared() and not _listed(f"{run}/{OUTBOX_FOLDER}")

    def _sizes(self, deployment: str) -> _Sizes:
        """The bytes of a deployment; none of a folder that is a link or of another user."""
        run, artifacts_folder = self._run_root / deployment, self._artifacts / deployment
        log = files = 0
        paths: list[str] = []
        if is_own_folder(run):
            log += sum(_size(f"{step}/{EVENT_FILE}") for step in _listed(f"{run}/steps"))
            paths += _listed(f"{run}/{OUTBOX_FOLDER}")
        if is_own_folder(artifacts_folder):
            paths += _listed(str(artifacts_folder))
        for path in paths:
            if artifacts.is_log(path.rpartition("/")[2]):
                log += _size(path)
            else:
                files += _size(path)
        return _Sizes(log, files)


def sweep_owners(data: Path, run_root: Path) -> None:
    """Forget deployments without run directory and artifacts, a day after `OwnerBytes.add`.

    A folder that no worker of this host has made stays as it is.
    """
    for folder in map(Path, _listed(str(data / "owners"))):
        if not (_DIGEST.fullmatch(folder.name) and _is_own(folder)):
            continue
        for path in map(Path, _listed(str(folder))):
            places = (run_root / path.name, data / "artifacts" / path.name)
            if is_deployment_id(path.name) and not any(map(os.path.lexists, places)):
                _forget(path)


def _forget(path: Path) -> None:
    try:
        if time.time() - path.lstat().st_mtime > DAY_SECONDS:
            path.unlink()
    except OSError as error:
        _log.warning("%s is not removed: %s", path, error)


def _is_own(folder: Path) -> bool:
    """Whether the folder of an owner, and that of all owners, are of this user and no links."""
    return is_own_folder(folder.parent) and is_own_folder(folder)


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
