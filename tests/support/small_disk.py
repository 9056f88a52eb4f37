"""A disk of a few megabytes that a test fills: a tmpfs, which refuses writes like any full disk."""

import contextlib
import errno
import itertools
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

__all__ = ["SmallDisk", "small_disk"]

_NO_MOUNT = (
    "the right to mount a tmpfs is missing: root has it, in a container with CAP_SYS_ADMIN: "
)
# Between two attempts to take what was freed: another program that writes without end.
_AGAIN_SECONDS = 0.001


class SmallDisk:
    """A mounted file system, and another program that fills it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path / "other-program.log"
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def fill(self, *, leave_bytes: int = 0) -> None:
        """Take all space, except for some bytes."""
        with self._file.open("ab", buffering=0) as file:
            _write_until_full(file.fileno(), leave_bytes)

    def use_up_inodes(self) -> None:
        """Make empty files until no inode is free."""
        try:
            for number in itertools.count():
                (self.path / f"other-{number}").touch()
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise

    def fill_without_end(self) -> None:
        """Take all space, and all that is freed from now on."""
        self.fill()
        self._thread = threading.Thread(target=self._fill_again, daemon=True)
        self._thread.start()

    def free(self) -> None:
        """End the other program and remove its file."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        self._file.unlink(missing_ok=True)

    def _fill_again(self) -> None:
        with self._file.open("ab", buffering=0) as file:
            while not self._ended.wait(_AGAIN_SECONDS):
                _write_until_full(file.fileno(), 0)


def _write_until_full(file: int, leave_bytes: int) -> None:
    for size in (1 << 20, 4096):
        while (free := _free_bytes(file) - leave_bytes) > 0:
            try:
                os.write(file, b"x" * min(size, free))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                break


def _free_bytes(file: int) -> int:
    status = os.fstatvfs(file)
    return status.f_frsize * status.f_bfree


@contextlib.contextmanager
def small_disk(path: Path, megabytes: int, inodes: int = 0) -> Iterator[SmallDisk]:
    """Mount a file system of this size at a new folder, with the default number of inodes for 0."""
    path.mkdir()
    options = f"size={megabytes}m,mode=700" + (f",nr_inodes={inodes}" if inodes else "")
    mount = ["mount", "-t", "tmpfs", "-o", options, "small-disk", str(path)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)  # noqa: S603 - a constant
    if mounted.returncode:
        pytest.skip(_NO_MOUNT + mounted.stderr)
    disk = SmallDisk(path)
    try:
        yield disk
    finally:
        disk.free()
        subprocess.run(["umount", "-l", str(path)], check=True)  # noqa: S603, S607 - mounted above
