"""A random key of this installation, stored in the data folder."""

import os
from pathlib import Path

from adapters.local import atomic_files
from deployments.errors import InvalidSettings

__all__ = ["KEY_BYTES", "read_or_create"]

KEY_BYTES = 32


def read_or_create(path: Path) -> bytes:
    """Read the key, created at the first call with mode 0600; the first concurrent creator wins.

    Raises:
        InvalidSettings: the file's content is not a key.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    atomic_files.create(path, os.urandom(KEY_BYTES).hex())
    try:
        key = bytes.fromhex(atomic_files.read_text(path) or "")
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise InvalidSettings(f"{path.name} is not a key file; remove the file to create a new key")
    return key
