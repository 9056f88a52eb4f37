"""Exclusive or shared use of a folder among all workers of a host."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

__all__ = ["exclusive", "shared"]

# Poll interval while another worker of this host works: rare, and a freed lock raises no event.
_POLL_SECONDS = 0.1


def exclusive(folder: Path) -> AbstractAsyncContextManager[None]:
    """Admit a single worker; a dead worker holds no lock."""
    return _locked(folder, fcntl.LOCK_EX)


def shared(folder: Path) -> AbstractAsyncContextManager[None]:
    """Admit any number of workers beside each other, and none beside an exclusive one."""
    return _locked(folder, fcntl.LOCK_SH)


@asynccontextmanager
async def _locked(folder: Path, kind: int) -> AsyncIterator[None]:
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        while True:
            try:
                fcntl.flock(lock, kind | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(lock)
