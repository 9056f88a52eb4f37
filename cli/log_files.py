"""Log files that other processes append to: kept below a size, without a word to the writer."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

__all__ = ["APPEND", "rotate"]

# With O_APPEND each write goes to the present end of the file, also after a truncation.
APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC

# A worker writes some 100 bytes for each step: 10 MiB hold months of work, or minutes of a flood.
_MAX_BYTES = 10 * 1024 * 1024


def rotate(path: Path) -> None:
    """Move the end of a file of more than 10 MiB to `<name>.1`, which is replaced.

    The writer keeps its descriptor, so the file is copied and truncated (as by logrotate's
    `copytruncate`): lines that are written meanwhile are lost. Where the disk is full, the copy is
    incomplete, and the file is truncated all the same.
    """
    with suppress(OSError):
        size = path.stat().st_size
        if size <= _MAX_BYTES:
            return
        try:
            with path.open("rb") as source, path.with_name(f"{path.name}.1").open("wb") as copy:
                source.seek(size - _MAX_BYTES)
                shutil.copyfileobj(source, copy)
        finally:
            os.truncate(path, 0)
