"""A key that this installation makes for itself and keeps in its data folder."""

import os
from pathlib import Path

from adapters.local import atomic_files
from deployments.errors import InvalidSettings

__all__ = ["KEY_BYTES", "read_or_make"]

KEY_BYTES = 32


def read_or_make(path: Path) -> bytes:
    """The key: random, made once, for this account only; of several makers the first wins.

    Raises:
        InvalidSettings: the file holds something else.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    atomic_files.create(path, os.urandom(KEY_BYTES).hex())
    try:
        key = bytes.fromhex(atomic_files.read_text(path) or "")
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise InvalidSettings(f"{path.name} holds no key; remove it and a new one is made")
    return key
