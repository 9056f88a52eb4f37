"""Small files shared by worker and runner, written atomically: complete or absent."""

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deployments.errors import InvalidSettings, RunDirectoryBroken

__all__ = [
    "boot_seconds",
    "create",
    "is_locked",
    "read",
    "read_or_create_key",
    "read_text",
    "replace",
    "writing_data",
]

FORMAT = 1
# Of AES-256, and of the signature of a link.
_KEY_BYTES = 32


def boot_seconds() -> float:
    """CLOCK_BOOTTIME in seconds: advances during sleep, is never set, equal in all processes."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def read(path: Path) -> dict[str, object] | None:
    """Return a JSON object, None when missing; raises RunDirectoryBroken for other content."""
    text = read_text(path)
    if text is None:
        return None
    try:
        content = json.loads(text)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise RunDirectoryBroken(f"{path.name} is not a JSON object")
    return content


def read_text(path: Path) -> str | None:
    """Return a file's text, None when missing."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def replace(path: Path, content: Mapping[str, object] | str) -> None:
    """Write a file atomically, replacing an existing file."""
    draft = _draft(path, content)
    draft.replace(path)


def create(path: Path, content: Mapping[str, object] | str) -> bool:
    """Write a file atomically unless the path exists; return whether it was written."""
    draft = _draft(path, content)
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True


def read_or_create_key(path: Path) -> bytes:
    """Read a key, created at the first call with mode 0600; the first concurrent creator wins.

    Raises:
        InvalidSettings: the file's content is not a key, or the folder cannot be written.
    """
    # Read first: a folder with a key may be read-only.
    if not path.exists():
        with writing_data():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            create(path, os.urandom(_KEY_BYTES).hex())
    try:
        key = bytes.fromhex(read_text(path) or "")
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise InvalidSettings(f"{path.name} is not a key file; remove the file to create a new key")
    return key


@contextmanager
def writing_data() -> Iterator[None]:
    """Raise an error of the data folder at the start of a process as `InvalidSettings`."""
    try:
        yield
    except OSError as error:
        raise InvalidSettings(
            f"{error.filename} cannot be written: {error.strerror}. ANAVA_DATA_DIR names the data "
            "folder."
        ) from None


def is_locked(path: Path) -> bool:
    """Whether a process holds the file's lock; probes with a shared lock for an instant."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _draft(path: Path, content: Mapping[str, object] | str) -> Path:
    text = content if isinstance(content, str) else json.dumps({"format": FORMAT, **content})
    draft = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "w", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError:
        # A full disk: each try would leave a draft.
        draft.unlink()
        raise
    return draft
