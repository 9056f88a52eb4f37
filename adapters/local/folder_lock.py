"""Exclusive use of a folder among all workers of a host."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

__all__ = ["exclusive"]

# Poll interval while another worker of this host works: rare, and a freed lock raises no event.
_POLL_SECONDS = 0.1


@asynccontextmanager
async def exclusive(folder: Path) -> AsyncIterator[None]:
    """Admit a single worker; a dead worker holds no lock."""
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(lock)
