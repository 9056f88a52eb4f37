"""Space on a disk: what is free, what is reserved, and writes that may use the reserve.

A run directory holds its reserve as files below `reserve/`. On a full disk a write of the last
words (claim, end of the log, exit record of a step that did not start, record, artifacts, state)
removes such a file, which frees an inode as well, and is repeated at once.
"""

import ctypes
import errno
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from adapters.local import atomic_files
from deployments.errors import DiskFull

__all__ = [
    "allocate",
    "create",
    "free_bytes",
    "is_full",
    "make_reserve",
    "needing_space",
    "remove_reserve",
    "replace",
    "replace_durably",
    "with_reserve",
]

_Result = TypeVar("_Result")

_FOLDER = "reserve"
# The log of 4 MB that terraform prints at most on a full disk makes events of 5 MB; record, outputs
# and logs in the outbox are small; a state of 1,000 resources has 1.5 MB.
_FILES = 64
_FILE_BYTES = 256 * 1024
# Less than a file of the reserve: each file that is removed makes room for at least a chunk.
_CHUNK_BYTES = 64 * 1024
# Below this number of inodes a disk counts as full: a run directory has about 200 files.
_MIN_INODES = 1000

_FALLOC_FL_KEEP_SIZE = 1  # include/uapi/linux/falloc.h
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_LIBC = ctypes.CDLL(None, use_errno=True)


def is_full(error: OSError) -> bool:
    """Whether a write failed because a disk or a quota has no space left."""
    return error.errno in _FULL


@contextmanager
def needing_space() -> Iterator[None]:
    """Raise the error of a write on a full disk as `DiskFull`."""
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        raise DiskFull("the disk of the host is full") from None


def free_bytes(path: Path) -> int:
    """Free bytes of the disk below a path, with the share that root alone may use for root.

    0 where the disk has hardly an inode left.
    """
    status = os.statvfs(path)
    for_root = os.geteuid() == 0
    inodes = status.f_ffree if for_root else status.f_favail
    # Some file systems count no inodes.
    if status.f_files and inodes < _MIN_INODES:
        return 0
    return status.f_frsize * (status.f_bfree if for_root else status.f_bavail)


def allocate(fd: int, end: int) -> None:
    """Allocate a file's space up to `end` without a change of its size, where the disk can.

    Raises OSError, on a full disk one for which `is_full` holds.
    """
    if _LIBC.fallocate(fd, _FALLOC_FL_KEEP_SIZE, ctypes.c_int64(0), ctypes.c_int64(end)) == 0:
        return
    code = ctypes.get_errno()
    if code not in (errno.EOPNOTSUPP, errno.ENOSYS):
        raise OSError(code, os.strerror(code))


def make_reserve(run_directory: Path) -> None:
    """Reserve space for the last words of a deployment; raises OSError on a full disk."""
    folder = run_directory / _FOLDER
    folder.mkdir(mode=0o700)
    for number in range(_FILES):
        fd = os.open(folder / str(number), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(fd, 0, _FILE_BYTES)
        finally:
            os.close(fd)


def remove_reserve(run_directory: Path) -> None:
    """Free what is left of the reserve."""
    shutil.rmtree(run_directory / _FOLDER, ignore_errors=True)


def with_reserve(path: Path, write: Callable[[], _Result]) -> _Result:
    """Run a write that may be repeated; on a full disk with the reserve of the run directory.

    `path` is below the run directory. Another program may take what is freed, so the write is
    repeated until the reserve is used up; then the OSError of the last try is raised.
    """
    while True:
        try:
            return write()
        except OSError as error:
            if not is_full(error) or not _free_some(path):
                raise


def create(path: Path, content: Mapping[str, object] | str) -> bool:
    """`atomic_files.create` below a run directory, on a full disk with the reserve."""
    return with_reserve(path, partial(atomic_files.create, path, content))


def replace(path: Path, content: Mapping[str, object] | str) -> None:
    """`atomic_files.replace` below a run directory, on a full disk with the reserve."""
    with_reserve(path, partial(atomic_files.replace, path, content))


def replace_durably(path: Path, content: bytes, run_directory: Path | None) -> None:
    """Replace a private file: after a power failure the path has the old or the new content.

    With a run directory its reserve is used, chunk by chunk, so that another program cannot take
    the whole of it. Raises OSError when the disk is full, and leaves no draft.
    """
    draft = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
    reserve = run_directory or path
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    fd = with_reserve(reserve, partial(os.open, draft, flags, 0o600))
    try:
        written = 0
        while written < len(content):
            chunk = content[written : written + _CHUNK_BYTES]
            written += with_reserve(reserve, partial(os.pwrite, fd, chunk, written))
        os.fsync(fd)
    except OSError:
        draft.unlink()
        raise
    finally:
        os.close(fd)
    draft.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Write the names of a folder's files to the disk."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _free_some(path: Path) -> bool:
    folders = (path, *path.parents)
    run_directory = next((folder for folder in folders if folder.name.startswith("dep-")), None)
    if run_directory is None:
        return False
    for file in (run_directory / _FOLDER).glob("*"):
        file.unlink(missing_ok=True)
        return True
    return False
