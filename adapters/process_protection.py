"""Protection of a process that holds keys, and of the folder that holds secrets."""

import ctypes
import logging
import os
import resource
from pathlib import Path

from adapters.local import atomic_files
from deployments.errors import InvalidSettings

__all__ = ["make_private", "protect_process"]

_log = logging.getLogger("anava")

_PR_SET_DUMPABLE = 4  # include/uapi/linux/prctl.h
_PRIVATE_UMASK = 0o077
_OF_OTHERS = 0o077


def protect_process() -> None:
    """Close this process to debuggers and to /proc/<pid>/environ and /mem, also of the same user.

    A started program is open again, as the kernel resets the flag at an exec (prctl(2)). Files that
    the process creates are private.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, *[ctypes.c_ulong(0)] * 4) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(_PRIVATE_UMASK)


def make_private(folder: Path) -> None:
    """Make a folder that only this user can enter; tighten an existing folder.

    Raises:
        InvalidSettings: the folder belongs to another user, who could open it again, or cannot be
            made.
    """
    with atomic_files.writing_data():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    status = folder.stat()
    if status.st_uid != os.geteuid():
        raise InvalidSettings(
            f"{folder} belongs to another user (uid {status.st_uid}): that user could read every "
            "secret; name a folder of this user in ANAVA_DATA_DIR"
        )
    if status.st_mode & _OF_OTHERS:
        _log.warning("%s was open to other users; its mode is 0700 from now on", folder)
        folder.chmod(0o700)
