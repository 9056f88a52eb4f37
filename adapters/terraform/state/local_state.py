"""Repairs a state file that terraform could not write: terraform empties the file first.

On a full disk the file is missing, empty or cut (tried, terraform 1.11.4). The newest complete copy
is what terraform printed or wrote as `errored.tfstate`; else `<state>.backup`, which terraform
makes before the first write of an apply.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from adapters.local import disk_space
from adapters.terraform.state.state_file import complete_position, continues
from deployments.errors import Unavailable

__all__ = ["locked", "remove_stale_lock_info", "restore"]


@contextmanager
def locked(path: Path) -> Iterator[bytes]:
    """Hold terraform's lock of a state file and yield the state; a missing file has no lock.

    Raises Unavailable while a terraform holds the lock. The lock ends when this process closes any
    descriptor of the file, so the block must not read the file.
    """
    try:
        file = path.open("r+b")
    except FileNotFoundError:
        yield b""
        return
    with file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Unavailable("The state is locked by a terraform on this host.") from None
        yield file.read()


def restore(path: Path, errored_state: bytes, run_directory: Path | None) -> bool:
    """Replace an older or damaged state by the newest copy; whether `errored_state` is saved.

    Written beside the state with the reserve of the run directory, then renamed, so a full disk
    leaves the state as it was. Never replaces a state of another lineage. Raises OSError when the
    disk is full and the reserve used up, Unavailable while a terraform holds the state's lock.
    """
    saved = complete_position(errored_state)
    with locked(path) as stored:
        present = complete_position(stored)
        if continues(present, saved):
            disk_space.replace_durably(path, errored_state, run_directory)
            return True
        backup = _read(path.with_name(f"{path.name}.backup"))
        if present is None and path.exists() and complete_position(backup) is not None:
            disk_space.replace_durably(path, backup, run_directory)
    if saved is None or present is None:
        return False
    return (saved.lineage, saved.serial) == (present.lineage, present.serial)


def remove_stale_lock_info(path: Path) -> None:
    """Remove the description of a lock whose holder is dead; the kernel has freed the lock."""
    info = path.with_name(f".{path.name}.lock.info")
    if info.exists():
        # Without effect where another terraform holds the lock.
        with suppress(Unavailable), locked(path):
            info.unlink(missing_ok=True)


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""
